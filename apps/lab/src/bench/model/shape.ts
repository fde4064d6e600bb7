import type { LanguageModelGraph } from '@tessera/assembler';
import { LanguageModelGraph as Graph, Registry, resolveSpec } from '@tessera/assembler';
import { linearAttention } from '@tessera/attention-linear';
import { softmax } from '@tessera/attention-softmax';
import { feedForward } from '@tessera/feedforward';
import { norms } from '@tessera/norms';
import type { MixerSpec, ModelSpec } from '@tessera/plugin';
import type { Scale } from '../scale.ts';

/** Gated DeltaNet in place of attention, in all layers but every so-many-th. */
interface HybridSizes {
  readonly attentionEvery: number;
  readonly heads: number;
  /** Elements of a key, and of a value. */
  readonly headDim: number;
}

/** Sizes of a Llama. */
export interface LlamaSizes {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly hidden: number;
  readonly vocabSize: number;
  /** Positions that a sequence can have. */
  readonly maxPositions: number;
  /** The output matrix is that of the embedding. @defaultValue false */
  readonly tied?: boolean | undefined;
  /** Absent: attention in all layers. */
  readonly gatedDeltaNet?: HybridSizes;
}

/** Sizes of a Llama, and what is asked of it. */
export interface ModelShape extends LlamaSizes {
  readonly name: string;
  /** Length of the prompt whose reading is timed. */
  readonly prompt: number;
  /** Tokens that are generated in one go, so that positions stay around {@link ModelShape.context}. */
  readonly tokens: number;
  /** Position around which decoding is timed. */
  readonly context: number;
  /** Layers of the same form that are compared with the CPU in float64, over so many tokens. */
  readonly checked: { readonly layers: number; readonly prompt: number; readonly steps: number };
}

const tinyLlama: ModelShape = {
  name: '1.1 B Llama (the shape of TinyLlama)',
  layers: 22,
  width: 2048,
  heads: 32,
  kvHeads: 4,
  headDim: 64,
  hidden: 5632,
  vocabSize: 32_000,
  maxPositions: 4096,
  prompt: 2048,
  tokens: 64,
  context: 512,
  checked: { layers: 2, prompt: 12, steps: 3 },
};

/** Its steps have the same shapes where they can, since a software adapter compiles slowly. */
const miniature: ModelShape = {
  name: 'miniature Llama',
  layers: 2,
  width: 32,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  hidden: 48,
  vocabSize: 64,
  maxPositions: 128,
  prompt: 64,
  tokens: 16,
  context: 64,
  checked: { layers: 1, prompt: 5, steps: 2 },
};

/** The model that is timed. */
export function shapeOf(scale: Scale): ModelShape {
  return scale === 'dry' ? miniature : tinyLlama;
}

/** Tokens before the first that is generated, so that the middle of those generated is at the context that is timed. */
export function promptBefore({ context, tokens }: ModelShape): number {
  return context - tokens / 2;
}

/** The graph of a shape, with all of its layers or fewer of them. */
export function graphOf(shape: LlamaSizes, layers: number = shape.layers): LanguageModelGraph {
  return new Graph(resolveSpec(specOf(shape, layers), new Registry([softmax, linearAttention, feedForward, norms])));
}

function specOf(shape: LlamaSizes, layers: number): ModelSpec {
  const norm = { type: '@tessera/norms:rms', config: { eps: 1e-5 } };
  const { hidden, vocabSize, width, maxPositions, tied = false } = shape;
  return {
    vocabSize,
    dModel: width,
    maxPositions,
    layers: Array.from({ length: layers }, (_, layer) => ({
      mixer: mixerOf(shape, layer),
      mixerNorm: norm,
      feedForward: { type: '@tessera/feedforward:gated', config: { hidden } },
      feedForwardNorm: norm,
    })),
    finalNorm: norm,
    head: { tied },
  };
}

function mixerOf({ heads, kvHeads, headDim, gatedDeltaNet }: LlamaSizes, layer: number): MixerSpec {
  if (!gatedDeltaNet || layer % gatedDeltaNet.attentionEvery === gatedDeltaNet.attentionEvery - 1)
    return { type: '@tessera/attention-softmax:softmax-attention', config: { heads, kvHeads, headDim, rotary: {} } };
  const { heads: keyHeads, headDim: size } = gatedDeltaNet;
  return {
    type: '@tessera/attention-linear:gated-delta-net',
    config: { keyHeads, keyDim: size, valueDim: size },
  };
}
