import type { LanguageModelGraph, ModelParams } from '@tessera/assembler';
import { linear, silu } from '@tessera/ops';
import type { Tensor } from '@tessera/tensor-core';
import { add } from '@tessera/tensor-core';
import type { MedusaHeadsConfig } from './heads-config.ts';

/** Tensors of heads by name: `heads.0.blocks.0.weight` `[D, D]`, `heads.0.blocks.0.bias` `[D]`, `heads.0.output.weight` `[V, D]`. */
export type HeadTensors = Readonly<Record<string, Tensor>>;

/** Shapes of the tensors of heads, by name. */
export function headShapes({ heads, blocks, ownOutput, model }: MedusaHeadsConfig): Record<string, readonly number[]> {
  const { dModel: D, vocabSize: V } = model;
  const shapes: Record<string, readonly number[]> = {};
  for (let head = 0; head < heads; head++) {
    for (let block = 0; block < blocks; block++) {
      shapes[blockName(head, block, 'weight')] = [D, D];
      shapes[blockName(head, block, 'bias')] = [D];
    }
    if (ownOutput) shapes[outputName(head)] = [V, D];
  }
  return shapes;
}

/** Name of the output matrix of a head. */
function outputName(head: number): string {
  return `heads.${head}.output.weight`;
}

/** h_k = h + SiLU(h W_k + b_k), block after block, `[…, D]` → `[…, D]`. @see Cai et al. 2024, arXiv:2401.10774, section 2.1. */
export function headHidden(tensors: HeadTensors, { blocks }: MedusaHeadsConfig, head: number, h: Tensor): Tensor {
  let made = h;
  for (let block = 0; block < blocks; block++) {
    const [weight, bias] = [tensors[blockName(head, block, 'weight')]!, tensors[blockName(head, block, 'bias')]!];
    made = add(made, silu(linear(made, weight, bias)));
  }
  return made;
}

/** Parameters of the model as a head reads them: with its own output matrix where it has one. */
export function outputParams(
  graph: LanguageModelGraph,
  weights: ModelParams,
  tensors: HeadTensors,
  head: number,
): ModelParams {
  const own = tensors[outputName(head)];
  return own ? { ...weights, [graph.outputMatrix]: own } : weights;
}

function blockName(head: number, block: number, part: 'weight' | 'bias'): string {
  return `heads.${head}.blocks.${block}.${part}`;
}
