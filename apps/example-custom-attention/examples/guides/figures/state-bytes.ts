import { groupedLatentAttention, groupedTiedAttention, multiHeadLatentAttention } from '@tessera/attention-latent';
import { gatedDeltaNet, gatedLinearAttention, groupedLinearAttention } from '@tessera/attention-linear';
import { softmaxAttention } from '@tessera/attention-softmax';
import type { MixerUse } from '@tessera/plugin';
import { decodingOf, validate } from '@tessera/plugin';
import type { LineChart } from './line-chart.ts';

// #region layers
const dModel = 4096;
const size = { heads: 32, headDim: 128 };
const rotary = { theta: 10_000 };
const recurrent = { keyDim: 128, valueDim: 128 };
const layers: readonly [string, MixerUse][] = [
  ['MHA', softmaxAttention({ ...size })],
  ['GQA, 8 heads of keys', softmaxAttention({ ...size, kvHeads: 8 })],
  ['MQA', softmaxAttention({ ...size, kvHeads: 1 })],
  ['GTA, 8 tied heads', groupedTiedAttention({ ...size, kvHeads: 8, rotary })],
  ['MLA', multiHeadLatentAttention({ ...size, rotary })],
  ['GLA, 2 latents', groupedLatentAttention({ ...size, rotary })],
  ['Gated DeltaNet', gatedDeltaNet({ keyHeads: 32, ...recurrent })],
  ['gated linear attention', gatedLinearAttention({ heads: 32, ...recurrent })],
  ['grouped linear attention, w = 64', groupedLinearAttention({ ...size, group: 64 })],
];

/** Bytes that one layer remembers of one sequence of so many tokens. */
export function stateBytes({ mixer, config }: MixerUse, tokens: number): number {
  const site = { config: validate<object>(mixer.config, config, mixer.name), dModel, layer: 0, layers: 1 };
  return decodingOf(mixer).memory({ ...site, batch: 1, capacity: tokens, chunk: 1 }).bytes;
}
// #endregion layers

const contexts = [10, 11, 12, 13, 14, 15, 16, 17].map((exponent) => 2 ** exponent);
const mebibytes = (bytes: number): string => (bytes < 2 ** 30 ? `${bytes / 2 ** 20} MiB` : `${bytes / 2 ** 30} GiB`);

/** Bytes that one layer remembers, by mixer and context. */
export function stateRows(): readonly {
  readonly name: string;
  readonly bytes: readonly (readonly [number, number])[];
}[] {
  return layers.map(([name, use]) => ({
    name,
    bytes: contexts.map((tokens) => [tokens, stateBytes(use, tokens)] as const),
  }));
}

/** The state of a layer against the context. Mixers whose lines are the same have one line. */
export function stateChart(): LineChart {
  const lines = new Map<string, { label: string; hue: number; dashed: boolean; points: [number, number][] }>();
  for (const { name, bytes } of stateRows()) {
    const points = bytes.map(([tokens, each]): [number, number] => [tokens, each]);
    const key = points.join(' ');
    const same = lines.get(key);
    const constant = points[0]![1] === points.at(-1)![1];
    const hue = constant ? 2 : /^(?:GTA|MLA|GLA)/.test(name) ? 1 : 0;
    lines.set(key, { label: same ? `${same.label}; ${name}` : name, hue, dashed: constant, points });
  }
  return {
    title: 'State of one layer, 32 heads of 128, in 32 bits',
    x: {
      label: 'context, tokens',
      ticks: contexts.map((at) => ({ at, label: at < 1024 ? String(at) : `${at / 1024} Ki` })),
    },
    y: {
      label: 'state of one sequence, bytes',
      ticks: [20, 22, 24, 26, 28, 30, 32].map((exponent) => ({ at: 2 ** exponent, label: mebibytes(2 ** exponent) })),
    },
    lines: [...lines.values()],
  };
}
