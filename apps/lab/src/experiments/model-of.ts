import type { LanguageModelGraph } from '@tessera/assembler';
import { createAssembler } from '@tessera/assembler';
import type { Assembler, Model, ModelSpecInput } from '@tessera/assembler';
import type { Device } from '@tessera/tensor-core';
import type { MixerUse } from '@tessera/plugin';
import { mixers, plugins } from './mixers.ts';

/** What a model of an experiment is like, but for its mixer. */
export interface ModelShape {
  readonly vocabSize: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly context: number;
  /** What the first layer has instead of the mixer that is compared. */
  readonly first?: MixerUse | undefined;
  /** Parameters that the feed-forwards fill up to, so that mixers of different sizes compare; absent: of the width given. */
  readonly parameters?: number | undefined;
}

/** The assembler of all experiments. */
const assembler: Assembler = createAssembler({ plugins });

/**
 * A model with the mixer of a name in every layer, weights drawn from a seed. Its feed-forwards are as wide as brings it nearest to
 * `parameters` without passing it.
 */
export async function modelOf(mixer: string, shape: ModelShape, device: Device, seed: number): Promise<Model> {
  const spec = (hidden: number): ModelSpecInput => specOf(mixer, shape, hidden);
  const { parameters, width } = shape;
  if (parameters === undefined) return assembler.assemble(spec(2 * width), { device, seed });
  // Feed-forwards are linear in their width: two sizes tell all others.
  const [one, two] = [await countOf(spec(8)), await countOf(spec(16))];
  const hidden = 8 * Math.floor(1 + (parameters - one) / (two - one));
  if (hidden < 8) throw new Error(`${mixer}: even without a feed-forward it has more than ${parameters} parameters.`);
  return assembler.assemble(spec(hidden), { device, seed });
}

async function countOf(spec: ModelSpecInput): Promise<number> {
  await using model = await assembler.assemble(spec, { device: 'cpu' });
  return parametersOf(model.graph);
}

function parametersOf(graph: LanguageModelGraph): number {
  return Object.values(graph.params()).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

function specOf(
  mixer: string,
  { vocabSize, width, layers, heads, context, first }: ModelShape,
  hidden: number,
): ModelSpecInput {
  const make = mixers[mixer];
  if (!make) throw new Error(`There is no mixer '${mixer}', expected ${Object.keys(mixers).join(', ')}.`);
  const norm = { type: '@tessera/norms:rms' };
  return {
    vocabSize,
    dModel: width,
    maxPositions: context,
    layers: Array.from({ length: layers }, (_, layer) => ({
      mixerNorm: norm,
      mixer: layer === 0 && first ? first : make({ heads, headDim: width / heads }),
      feedForwardNorm: norm,
      feedForward: { type: '@tessera/feedforward:gated', config: { hidden } },
    })),
    finalNorm: norm,
    head: { tied: true },
  };
}
