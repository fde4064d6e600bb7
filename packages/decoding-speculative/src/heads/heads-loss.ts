import type { LanguageModelGraph, ModelParams } from '@tessera/assembler';
import type { Links } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { add, concat, div, maximum, mul, sum, where } from '@tessera/tensor-core';
import { headHidden, outputParams } from './head-output.ts';
import type { HeadTensors } from './head-output.ts';
import { headTargets } from './head-targets.ts';
import type { TextTensors } from './head-targets.ts';
import type { MedusaHeadsConfig } from './heads-config.ts';

/** What the loss of heads is made of. */
export interface HeadsLossCall {
  readonly graph: LanguageModelGraph;
  /** Those of the model; nothing of them is learned. */
  readonly weights: ModelParams;
  /** Tensors of the heads. */
  readonly trained: HeadTensors;
  readonly batch: TextTensors;
}

/** The loss of a batch. */
export interface HeadsLoss {
  /** A scalar. */
  readonly loss: Tensor;
  /** Positions of the first head, a scalar. */
  readonly count: Tensor;
  /** What is minimised: the loss. */
  readonly objective: Tensor;
  /** Of each position of each head, `[B, …]`. */
  readonly losses: Tensor;
  /** The residual stream before each layer, `N.x`. */
  readonly links: Links;
}

/** What a head counts against the one before it. */
const decay = 0.8;

/** Σ_k λ^k CE_k with λ = 0.8: the mean cross-entropy of each head, of later ones less. @see Cai et al. 2024, arXiv:2401.10774, section 2.2.1. */
export function headsLoss(config: MedusaHeadsConfig, { graph, weights, trained, batch }: HeadsLossCall): HeadsLoss {
  const { wanted, links } = headTargets(graph, weights, batch, config.heads);
  const losses = wanted.map(({ hidden, ids }, head) =>
    graph.outputLoss(outputParams(graph, weights, trained, head), headHidden(trained, config, head, hidden), ids),
  );
  const loss = wanted
    .map(({ counts, count }, head) => mul(div(sum(where(counts, losses[head]!, 0)), maximum(count, 1)), decay ** head))
    .reduce((a, b) => add(a, b));
  return { loss, count: wanted[0]!.count, objective: loss, losses: concat(losses, 1), links };
}
