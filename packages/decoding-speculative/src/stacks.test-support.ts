import type { Assembler, MixerInput, Model } from '@tessera/assembler';
import { createAssembler } from '@tessera/assembler';
import { latentAttentions, multiHeadLatentAttention } from '@tessera/attention-latent';
import { gatedDeltaNet, groupedLinearAttention, linearAttention, shortConvolution } from '@tessera/attention-linear';
import { softmax, softmaxAttention } from '@tessera/attention-softmax';
import { contextualMemory, memoryMosaics, persistentMemory } from '@tessera/mixers-memory-mosaic';
import { norms } from '@tessera/norms';
import type { Draft } from './acceptance/draft.ts';
import { testNumbers } from './random-streams.ts';
import type { DraftSource } from './sources/draft-source.ts';

/** Tokens of the models of these tests. */
export const V = 24;

/** What makes models of any layers. */
export const assembler: Assembler = createAssembler({
  plugins: [softmax, latentAttentions, linearAttention, memoryMosaics, norms],
});

const delta = gatedDeltaNet({ keyHeads: 2, valueHeads: 2, keyDim: 4, valueDim: 4 });
/** Groups end within the texts of these tests, and within drafts. */
const grouped = groupedLinearAttention({ heads: 2, group: 4, convolution: 3 });

/** Stacks of every kind of memory. */
export const stacks: readonly [string, readonly MixerInput[]][] = [
  ['softmax', [softmaxAttention({ heads: 2, rotary: {} }), softmaxAttention({ heads: 2 })]],
  ['a window', [softmaxAttention({ heads: 2, window: 4, rotary: {} })]],
  ['latent', [multiHeadLatentAttention({ heads: 2, latentDim: 6, headDim: 4, rotaryDim: 2 })]],
  ['linear', [delta, shortConvolution({}), grouped]],
  ['Memory Mosaic', [contextualMemory({ heads: 2 }), persistentMemory({ heads: 2, slots: 5 })]],
  [
    'hybrid',
    [delta, softmaxAttention({ heads: 2, window: 5 }), contextualMemory({ heads: 2 }), softmaxAttention({ heads: 2 })],
  ],
];

/** Every kind of memory in one stack. */
export const allKinds: readonly MixerInput[] = [
  softmaxAttention({ heads: 2, rotary: {} }),
  delta,
  multiHeadLatentAttention({ heads: 2, latentDim: 6, headDim: 4, rotaryDim: 2 }),
  grouped,
  contextualMemory({ heads: 2 }),
  persistentMemory({ heads: 2, slots: 5 }),
  shortConvolution({}),
  softmaxAttention({ heads: 2, window: 5 }),
];

/** A small model of such layers. */
export function modelOf(
  mixers: readonly MixerInput[],
  seed = 3,
  device: Parameters<typeof assembler.assemble>[1] = {},
): Promise<Model> {
  const layers = mixers.map((mixer) => ({ mixer, mixerNorm: { type: '@tessera/norms:rms' as const } }));
  return assembler.assemble(
    { vocabSize: V, dModel: 12, maxPositions: 96, layers, finalNorm: { type: '@tessera/norms:rms' } },
    { device: 'cpu', seed, ...device },
  );
}

/** Proposes by a function of the text. */
export function sourceOf(
  name: string,
  draft: (text: readonly number[], most: number) => Draft,
  trees = false,
): DraftSource {
  return {
    name,
    trees,
    cost: () => 0,
    open: ({ rows }) =>
      Promise.resolve({
        propose: (most) =>
          Promise.resolve(rows.map(({ prompt, generated }, b) => draft([...prompt, ...generated], most[b]!))),
      }),
  };
}

/** A number that looks random and depends on a text. */
const some = (text: readonly number[], number: number): number =>
  testNumbers({ seed: text.length, step: text.at(-1)! })(number);

/** Proposes random tokens. */
export const randomSource: DraftSource = sourceOf('random', (text, most) => ({
  tokens: Array.from({ length: most }, (_, node) => Math.floor(V * some(text, node))),
}));

/** Proposes random tokens as a tree, and says that it has drawn them. */
export const randomTrees: DraftSource = sourceOf(
  'random trees',
  (text, most) => {
    const nodes = most < 1 ? 0 : 7;
    const uniform = new Float32Array(V).fill(1 / V);
    return {
      tokens: Array.from({ length: nodes }, (_, node) => Math.floor(V * some(text, node))),
      parents: [-1, -1, 0, 0, 1, 2, 2].slice(0, nodes),
      drawn: { q: new Array<Float32Array>(nodes).fill(uniform), replacement: true },
    };
  },
  true,
);
