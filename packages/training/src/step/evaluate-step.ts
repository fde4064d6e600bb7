import type { LanguageModelGraph } from '@tessera/assembler';
import type { Graph } from '@tessera/tensor-core';
import { fillTree, stack, trace, treeLeaves } from '@tessera/tensor-core';
import type { ByPath } from '../optimizers/update-rule.ts';
import { namedIds } from './batch-ids.ts';
import type { StepSize, TrainStep } from './train-step.ts';
import { typesOf } from './training-state.ts';

/** What an evaluation runs over. */
export interface EvaluateStep extends Omit<StepSize, 'accumulate'> {
  readonly graph: LanguageModelGraph;
  /** The form of the trained parameters. */
  readonly form: ByPath;
  /** As in {@link TrainStep}. */
  readonly lossOf: TrainStep['lossOf'];
}

/** Inputs: the leaves of the parameters; tokens `[B, T + 1]` (i32), and what is beside them alike. Output: the mean loss and how many tokens it is of, `[2]`. */
export function traceEvaluation({ graph, form, lossOf, rows, context, beside }: EvaluateStep): Graph {
  const leaves = treeLeaves(form);
  const ids = { shape: [rows, context + 1], dtype: 'i32' } as const;
  return trace(
    (...inputs) => {
      const trained = fillTree(form, inputs.slice(0, leaves.length));
      const { loss, count } = lossOf(graph, trained, namedIds(inputs.slice(leaves.length), beside));
      return [stack([loss, count], 0)];
    },
    [...typesOf(leaves), ids, ...beside.map(() => ids)],
  );
}
