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

const llama60: LlamaSizes = {
  layers: 8,
  width: 512,
  heads: 8,
  kvHeads: 8,
  headDim: 64,
  hidden: 1408,
  vocabSize: 32_000,
  maxPositions: 4096,
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
  const call = { draft: llama60, prompt: 128, tokens: 256 };
  return [
    { name: '1.1 B Llama, draft of 60 M', target, ...call },
    {
      name: '1.1 B hybrid (three layers of Gated DeltaNet to one of attention), draft of 60 M',
      target: { ...target, gatedDeltaNet: { attentionEvery: 4, heads: 8, headDim: 128 } },
      ...call,
    },
  ];
}
