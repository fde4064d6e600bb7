import type { Model } from '@tessera/assembler';
import { linesSvg } from './lines-svg.ts';
import type { StreamSetting } from './stream-run.ts';
import { alongStream, nameOf, perplexityText, streamAssembler, streamThrough, tokensOf } from './stream-run.ts';
import { meanLoss } from './streamed-loss.ts';
import type { Finding, Study, StudyCall } from './study.ts';
import { groupBy, markdownTable, turn } from './study.ts';

/** What a {@link streamedPerplexityStudy} reads. */
export interface StreamedPerplexitySetting extends StreamSetting {
  /** Of the tokens after the first that are evicted, one in so many is read afresh with what it sees. */
  readonly every: number;
  /** Numbers of sinks to compare. */
  readonly sinks: readonly number[];
}

interface Row {
  readonly model: string;
  /** `recompute` or a number of sinks. */
  readonly cache: string;
  /** Tokens predicted. */
  readonly tokens: number;
  /** Over all of them; absent for recomputing, which takes some. */
  readonly loss?: number;
  /** Over those that are read afresh too. */
  readonly lossOfSome: number;
  /** Of parts of the stream, by where they end. */
  readonly along: readonly (readonly [number, number])[];
  /** After the first step and after the last. */
  readonly bytes?: readonly [number, number];
  readonly tokensPerSecond: number;
}

/** Rows of a forward pass that reads windows afresh. */
const rowsAtOnce = 16;
/** Parts of a stream in the picture. */
const parts = 25;

/**
 * Perplexity of a stream far beyond what a model was trained on, with sinks, without, and with each window read afresh. Models that were trained with softmax
 * off by one or with learned logits of sinks are other checkpoints, which stand beside each other.
 * @see Xiao et al. 2023, arXiv:2309.17453, section 4.1.
 */
export function streamedPerplexityStudy(setting: StreamedPerplexitySetting): Study {
  const found: Row[] = [];
  return {
    name: 'streamed-perplexity',
    async run(call) {
      for (const directory of setting.models) {
        const tokens = await tokensOf(directory, setting, call);
        const at = placesOf(setting);
        const model = nameOf(directory);
        const add = (row: Row): void => {
          found.push(row);
          call.progress(`${model}, ${row.cache}: perplexity ${perplexityText(row.lossOfSome)}`);
        };
        for (const sinks of setting.sinks) {
          const policy = { sinks, window: setting.seen - sinks };
          const { losses, bytes, seconds } = await streamThrough(directory, tokens, policy, call);
          add({
            model,
            cache: sinks === 0 ? 'no sinks' : sinks === 1 ? '1 sink' : `${sinks} sinks`,
            tokens: losses.length,
            loss: meanLoss(losses),
            lossOfSome: meanLoss(at.map((t) => losses[t]!)),
            along: alongStream(losses, parts),
            bytes,
            tokensPerSecond: losses.length / seconds,
          });
        }
        await using afresh = await streamAssembler.load(directory, {
          device: call.device,
          signal: call.signal,
          precompile: false,
        });
        add({ model, ...(await recomputed(afresh, tokens, at, setting, call)) });
      }
    },
    finding: () => findingOf(found, setting),
  };
}

/** Tokens that are read afresh: after the first `seen`, one in `every`. */
function placesOf({ count, seen, every }: StreamedPerplexitySetting): number[] {
  return Array.from({ length: Math.max(0, Math.ceil((count - seen) / every)) }, (_, index) => seen + index * every);
}

async function recomputed(
  model: Model,
  tokens: readonly number[],
  at: readonly number[],
  { seen, count }: StreamedPerplexitySetting,
  { device, signal, progress }: StudyCall,
): Promise<Omit<Row, 'model'>> {
  const begun = performance.now();
  const losses: number[] = [];
  for (let from = 0; from < at.length; from += rowsAtOnce) {
    await turn({ device, signal });
    const some = at.slice(from, from + rowsAtOnce);
    // Token t is the last of its window, and the one after it is what is predicted.
    const made = await model.lossOf(some.map((t) => tokens.slice(t - seen + 1, t + 2)));
    some.forEach((_, row) => losses.push(made[(row + 1) * seen - 1]!));
    if ((from / rowsAtOnce) % 50 === 49) progress(`recompute: ${losses.length} of ${at.length}`);
  }
  const edges = alongStream(losses, Math.min(parts, losses.length));
  return {
    cache: 'recompute',
    tokens: losses.length,
    lossOfSome: meanLoss(losses),
    along: edges.map(([end, loss]) => [Math.round((at[end - 1]! / count) * count), loss] as const),
    tokensPerSecond: losses.length / ((performance.now() - begun) / 1000),
  };
}

function findingOf(found: readonly Row[], { seen, count, files, every }: StreamedPerplexitySetting): Finding {
  const table = markdownTable(
    [
      'model',
      'cache',
      'tokens',
      'perplexity',
      `of one token in ${every}`,
      'above recompute, nats',
      'bytes of the state, first and last',
      'tokens/s',
    ],
    groupBy(found, ({ model }) => model).flatMap((rows) => {
      const oracle = rows.find(({ cache }) => cache === 'recompute');
      return rows.map((row) => [
        row.model,
        row.cache,
        row.tokens.toLocaleString('en-US'),
        row.loss === undefined ? '' : perplexityText(row.loss),
        perplexityText(row.lossOfSome),
        oracle ? (row.lossOfSome - oracle.lossOfSome).toFixed(4) : '',
        row.bytes?.map((bytes) => bytes.toLocaleString('en-US')).join(', ') ?? '',
        row.tokensPerSecond.toFixed(0),
      ]);
    }),
  );
  const of = files.length === 0 ? 'generated stories' : 'text';
  return {
    text: `${count.toLocaleString('en-US')} tokens of ${of} in one stream, of which each sees ${seen}, sinks and itself among them.\n\n${table}`,
    data: { seen, count, every, results: found },
    pictures: Object.fromEntries(
      groupBy(found, ({ model }) => model).map((rows) => [
        `-${rows[0]!.model}`,
        linesSvg(
          rows.map(({ cache, along }) => ({
            name: cache,
            points: along.map(([end, loss]) => [end, Math.exp(loss)] as const),
          })),
          {
            title: `${rows[0]!.model} on a stream of ${of}, ${seen} tokens in sight`,
            x: 'tokens of the stream',
            y: 'perplexity',
            logarithmic: { y: true },
          },
        ),
      ]),
    ),
  };
}
