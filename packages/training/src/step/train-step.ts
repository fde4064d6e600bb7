import type { LanguageModelGraph } from '@tessera/assembler';
import type { Graph, Tensor } from '@tessera/tensor-core';
import {
  abs,
  add,
  and,
  at,
  fillTree,
  gradOf,
  greater,
  less,
  mapTree,
  mul,
  scan,
  stack,
  trace,
  treeLeaves,
  where,
  zeros,
} from '@tessera/tensor-core';
import { clipByGlobalNorm, globalNorm } from '../optimizers/clip.ts';
import type { Optimizer } from '../optimizers/parameter-groups.ts';
import type { ByPath, Slots } from '../optimizers/update-rule.ts';
import type { BesideTokens } from './batch-ids.ts';
import { namedIds } from './batch-ids.ts';
import type { BatchLoss, BatchTensors } from './next-token-loss.ts';
import type { TrainingState } from './training-state.ts';
import { typesOf } from './training-state.ts';

/** Largest number that counts as finite here, a little below what f32 can hold. */
export const largestFinite = 3.4e38;

/** How large a step is. */
export interface StepSize {
  /** Batches whose gradients are averaged. */
  readonly accumulate: number;
  readonly rows: number;
  readonly context: number;
  /** What batches have beside their tokens. */
  readonly beside: readonly BesideTokens[];
}

/** What a step is made of. */
export interface TrainStep extends StepSize {
  readonly graph: LanguageModelGraph;
  readonly optimizer: Optimizer;
  /** The form of the state. */
  readonly form: TrainingState;
  /** Loss of a batch by what is trained. What else it reads is resident and stays as it is. */
  lossOf(graph: LanguageModelGraph, trained: ByPath, batch: BatchTensors): BatchLoss;
  /** Limit of the gradient's global norm; undefined: none. */
  readonly clip: number | undefined;
}

/**
 * A whole training step as one graph: forward, loss, backward, clip, update. Inputs: the leaves of the state, which it takes
 * over; numbers of the optimiser `[N]`; keys `[A, 2]` (u32); tokens `[A, B, T + 1]` (i32), and what is beside them alike.
 * Outputs: the leaves of the next state; loss and gradient norm, `[2]`.
 */
export function traceTrainStep(step: TrainStep): Graph {
  const { form, accumulate: A, rows, context, beside, optimizer } = step;
  const leaves = treeLeaves(form);
  const count = optimizer.updates.reduce((total, update) => total + update.numbers(0, 1).length, 0);
  const ids = { shape: [A, rows, context + 1], dtype: 'i32' } as const;
  return trace(
    (...inputs) => {
      const state = fillTree(form, inputs.slice(0, leaves.length));
      const [numbers, random, ...batch] = inputs.slice(leaves.length) as [Tensor, Tensor, ...Tensor[]];
      const { loss, gradients } = gradientsOf(step, state.params, { ...namedIds(batch, beside), random });
      const norm = globalNorm(gradients);
      const clipped = step.clip === undefined ? gradients : clipByGlobalNorm(gradients, norm, step.clip);
      const next = update(optimizer, state, clipped, numbers);
      const finite = and(less(abs(loss), largestFinite), less(norm, largestFinite));
      const good = and(greater(state.healthy, 0), finite);
      // Numbers that are not finite never come into the state: it stays as it was before the step that gave them.
      const before = treeLeaves({ params: state.params, slots: state.slots });
      const kept = treeLeaves(next).map((leaf, index) => where(good, leaf, before[index]!));
      const made: TrainingState = { ...fillTree(next, kept), healthy: where(good, 1, zeros([])) };
      return [...treeLeaves(made), stack([loss, norm], 0)];
    },
    [
      ...typesOf(leaves),
      { shape: [count], dtype: 'f32' },
      { shape: [A, 2], dtype: 'u32' },
      ids,
      ...beside.map(() => ids),
    ],
  );
}

/** Mean loss and mean gradients of A batches, one after another so that only one of them is in memory. */
function gradientsOf(
  { graph, lossOf, accumulate: A }: TrainStep,
  params: ByPath,
  batches: BatchTensors & { readonly random: Tensor },
): { readonly loss: Tensor; readonly gradients: ByPath } {
  const of = (batch: BatchTensors): { readonly loss: Tensor; readonly gradients: ByPath } => {
    const { loss, objective } = lossOf(graph, params, batch);
    return { loss, gradients: gradOf(objective, params) };
  };
  if (A === 1) return of(mapTree(batches, (each) => at(each, 0, 0)));
  const start = { loss: zeros([]), gradients: mapTree(params, ({ shape }) => zeros(shape)) };
  const { carry } = scan({
    carry: start,
    sequences: batches,
    step(sum, batch) {
      const made = treeLeaves(of(batch));
      return {
        carry: fillTree(
          sum,
          treeLeaves(sum).map((leaf, index) => add(leaf, made[index]!)),
        ),
        output: {},
      };
    },
  });
  return mapTree(carry, (total) => mul(total, 1 / A));
}

function update(
  { updates, groups }: Optimizer,
  { params, slots }: TrainingState,
  gradients: ByPath,
  numbers: Tensor,
): Pick<TrainingState, 'params' | 'slots'> {
  let next = 0;
  const scalars = updates.map((rule) => rule.numbers(0, 1).map(() => at(numbers, 0, next++)));
  const made = { params: {} as Record<string, Tensor>, slots: {} as Record<string, Slots> };
  for (const { rule, paths, update: index, decays } of groups) {
    const pick = <T>(all: Readonly<Record<string, T>>): Record<string, T> =>
      Object.fromEntries(paths.map((path) => [path, all[path]!]));
    const updated = updates[index]!.update({
      rule,
      params: pick(params),
      gradients: pick(gradients),
      slots: pick(slots),
      numbers: scalars[index]!,
      decays,
    });
    Object.assign(made.params, updated.params);
    Object.assign(made.slots, updated.slots);
  }
  return made;
}
