import type { LlamaSizes } from '../model/shape.ts';
import { shapeOf } from '../model/shape.ts';
import type { Scale } from '../scale.ts';

/** A target of random weights with a draft of random weights. */
export interface SpeculationShape {
  readonly name: string;
  readonly target: LlamaSizes;
  readonly draft: LlamaSizes;
  /** Tokens before those that are generated. */
  readonly prompt: number;
  readonly tokens: number;
}

/** Wide rather than deep: each layer waits for the one before it, and a draft is nothing but steps. */
const llama60: LlamaSizes = {
  layers: 2,
  width: 1024,
  heads: 16,
  kvHeads: 4,
  headDim: 64,
  hidden: 3584,
  vocabSize: 32_000,
  maxPositions: 4096,
  tied: true,
};

/** Targets of random weights: attention everywhere, and in one layer of four. */
export function speculationShapes(scale: Scale): readonly SpeculationShape[] {
  const { maxPositions, ...sizes } = shapeOf(scale);
  const target: LlamaSizes = { ...sizes, maxPositions };
  if (scale === 'dry') {
    // Of the target's widths, so that they share shaders.
    const dry = { draft: { ...target, layers: 1 }, prompt: 12, tokens: 16 };
    return [
      { name: 'miniature Llama', target, ...dry },
      {
        name: 'miniature hybrid',
        target: { ...target, gatedDeltaNet: { attentionEvery: 2, heads: 2, headDim: 8 } },
        ...dry,
      },
    ];
  }
  const call = { draft: llama60, prompt: 128, tokens: 384 };
  return [
    { name: '1.1 B Llama, draft of 60 M in two layers', target, ...call },
    {
      name: '1.1 B hybrid (three layers of Gated DeltaNet to one of attention), draft of 60 M in two layers',
      target: { ...target, gatedDeltaNet: { attentionEvery: 4, heads: 8, headDim: 128 } },
      ...call,
    },
  ];
}
