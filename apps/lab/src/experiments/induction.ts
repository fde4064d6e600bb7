import { softmaxAttention } from '@tessera/attention-softmax';
import { contextualMemory } from '@tessera/mixers-memory-mosaic';
import type { MixerUse } from '@tessera/plugin';
import { validate } from '@tessera/plugin';
import type { Device, Tensor } from '@tessera/tensor-core';
import { foldKey, fromHost, iota, read, zeros } from '@tessera/tensor-core';
import type { Drawn, SecondCopyScore } from './induction-task.ts';
import { copiedTwice, scoreOfSecondCopy } from './induction-task.ts';
import { linesSvg } from './lines-svg.ts';
import type { Finding, Study } from './study.ts';
import { groupBy, markdownTable, meanOf, spreadText, turn } from './study.ts';

/** Sizes of an {@link inductionStudy}. */
export interface InductionSizes {
  /** κ. */
  readonly scales: readonly number[];
  readonly copies: Copies;
}

interface Copies {
  readonly vocabSize: number;
  /** Tokens of a copy. */
  readonly length: number;
  /** Of each seed. */
  readonly rows: number;
}

const usual: InductionSizes = {
  scales: [0, 0.5, 1, 1.5, 2, 5],
  copies: { vocabSize: 64, length: 48, rows: 16 },
};

/** A layer whose maps are identities: tokens in, tokens out. */
interface Layer {
  readonly name: string;
  readonly leak?: number;
}

const layers: readonly Layer[] = [
  { name: 'mosaic, keys of one token', leak: 40 },
  { name: 'mosaic, leaky keys (β = 1)', leak: 1 },
  { name: 'attention' },
];

interface Row extends SecondCopyScore, Layer {
  readonly drawn: Drawn;
  readonly scale: number;
  readonly seed: number;
}

/**
 * Induction without training: one layer over one-hot tokens, all of its maps identities, says what follows in the second copy of a random
 * sequence. Attention of the same maps and the same scores stands beside it: what it finds is the token itself.
 * @see Zhang et al. 2024, arXiv:2405.06394, section 4.
 */
export function inductionStudy({ scales, copies }: InductionSizes = usual): Study {
  const found: Row[] = [];
  return {
    name: 'induction',
    async run({ device, seeds, signal, progress }) {
      for (const layer of layers)
        for (const drawn of ['distinct', 'free'] as const) {
          for (const scale of scales)
            for (const seed of seeds) {
              await turn({ device, signal });
              found.push({
                ...layer,
                drawn,
                scale,
                seed,
                ...(await scoreOf(layer, { scale, drawn, seed }, copies, device)),
              });
            }
          const last = found.at(-1)!;
          progress(`${layer.name}, ${drawn} tokens: accuracy ${last.accuracy.toFixed(4)} at κ = ${last.scale}`);
        }
    },
    finding: () => findingOf(found, copies),
  };
}

async function scoreOf(
  { leak }: Layer,
  { scale, drawn, seed }: Pick<Row, 'scale' | 'drawn' | 'seed'>,
  copies: Copies,
  device: Device,
): Promise<SecondCopyScore> {
  const { vocabSize: V } = copies;
  const all = Array.from({ length: copies.rows }, (_, row) =>
    copiedTwice({ ...copies, drawn }, foldKey([seed, 0xc097], row)),
  );
  const y = await read(outputOf(leak, scale, all, V), device);
  const scores = all.map((tokens, row) =>
    scoreOfSecondCopy(tokens, y.slice(row * tokens.length * V, (row + 1) * tokens.length * V), V),
  );
  return { accuracy: meanOf(scores.map((score) => score.accuracy)), share: meanOf(scores.map((score) => score.share)) };
}

/** `[rows, T, V]` */
function outputOf(leak: number | undefined, scale: number, all: readonly (readonly number[])[], V: number): Tensor {
  const [rows, T] = [all.length, all[0]!.length];
  const x = new Float32Array(rows * T * V);
  all.forEach((tokens, row) => tokens.forEach((token, t) => (x[(row * T + t) * V + token] = 1)));
  const eye = (factor: number): Tensor =>
    fromHost(
      Float32Array.from({ length: V * V }, (_, i) => (i % (V + 1) === 0 ? factor : 0)),
      [V, V],
    );
  const one = (value: number): Tensor => fromHost(Float32Array.of(value), [1]);
  const identity = eye(1);
  const layer: MixerUse =
    leak === undefined ? softmaxAttention({ heads: 1, scale: 1 }) : contextualMemory({ heads: 1, leak });
  const params: Record<string, Tensor> =
    leak === undefined
      ? { q_proj: eye(Math.exp(2 * scale)), k_proj: identity, v_proj: identity, o_proj: identity }
      : {
          k_proj: identity,
          v_proj: identity,
          o_proj: identity,
          key_scale: one(scale / 10),
          value_scale: one(0),
          peek: one(0),
        };
  return layer.mixer.forward({
    params,
    config: validate<object>(layer.mixer.config, layer.config, 'config'),
    x: fromHost(x, [rows, T, V]),
    positions: iota([rows, T], 1),
    starts: zeros([rows], 'i32'),
    lengths: fromHost(new Int32Array(rows).fill(T), [rows]),
  }).y;
}

function findingOf(found: readonly Row[], { vocabSize, length, rows }: Copies): Finding {
  const groups = groupBy(found, ({ name, drawn, scale }) => `${name} ${drawn} ${scale}`);
  const gathered = groups.map((seeds) => ({
    ...seeds[0]!,
    seeds: seeds.map(({ seed }) => seed),
    accuracies: seeds.map(({ accuracy }) => accuracy),
    shares: seeds.map(({ share }) => share),
  }));
  const table = markdownTable(
    ['layer', 'tokens of a copy', 'κ', 'seeds', 'accuracy in the second copy', 'weight on what comes'],
    gathered.map(({ name, drawn, scale, seeds, accuracies, shares }) => [
      name,
      drawn,
      String(scale),
      seeds.join(', '),
      spreadText(accuracies),
      spreadText(shares),
    ]),
  );
  const lines = groupBy(gathered, ({ name, drawn }) => `${name} ${drawn}`).map((points) => ({
    name: `${shortNames[points[0]!.name]}, ${points[0]!.drawn}`,
    points: points.map(({ scale, shares }) => [scale, meanOf(shares)] as const),
  }));
  return {
    text: `${vocabSize} one-hot tokens, ${length} of them and the same again, ${rows} rows a seed; chance is ${(1 / vocabSize).toFixed(4)}.\n\n${table}`,
    data: { results: found },
    pictures: {
      ...(lines.length > 0 && {
        '': linesSvg(lines, {
          title: 'One untrained layer over one-hot tokens: what follows in the second copy',
          x: 'κ: how sharp keys are told apart (scores e^2κ)',
          y: 'weight on the token that comes',
        }),
      }),
    },
  };
}

const shortNames: Readonly<Record<string, string>> = {
  [layers[0]!.name]: 'one token',
  [layers[1]!.name]: 'leaky keys',
  [layers[2]!.name]: 'attention',
};
