import { recordPublished } from '@tessera/checkpoints';
import type { Device, Graph, Tensor } from '@tessera/tensor-core';
import { abs, at, disposeTree, fillTree, gradOf, less, sum, trace, treeLeaves, where } from '@tessera/tensor-core';
import type { ByPath } from '../optimizers/update-rule.ts';
import { namedIds } from './batch-ids.ts';
import type { TrainStep } from './train-step.ts';
import { largestFinite } from './train-step.ts';
import { typesOf } from './training-state.ts';

/**
 * The first tensor of a step that has an element which is not finite, in the order in which a step computes: parameters, the
 * residual stream before each layer, losses of tokens, gradients from the last layer's on. Undefined when all are finite, and only a sum
 * over them is not.
 * @param inputs - the trained parameters' leaves, then keys, tokens and what is beside them, as the step had them
 */
export async function findNonFinite(
  step: TrainStep,
  device: Device,
  inputs: readonly Tensor[],
): Promise<string | undefined> {
  const names: string[] = [];
  const program = await device.compile(traceCounts(step, inputs, names));
  const outputs = program.run(inputs);
  try {
    const counts = await Promise.all(outputs.map((count) => device.read(count)));
    return names[counts.findIndex(([count]) => count! > 0)];
  } finally {
    disposeTree(outputs);
    program.dispose();
  }
}

function traceCounts(step: TrainStep, inputs: readonly Tensor[], names: string[]): Graph {
  const { form, graph, lossOf, accumulate, optimizer, beside } = step;
  const leaves = treeLeaves(form.params).length;
  return trace((...given) => {
    const params = fillTree(form.params, given.slice(0, leaves));
    const counts: Tensor[] = [];
    const count = (name: string, tensor: Tensor): void => {
      names.push(name);
      counts.push(sum(where(less(abs(tensor), largestFinite), 0, 1)));
    };
    const published = (tensors: ByPath): [string, Tensor][] =>
      optimizer.groups.flatMap(({ rule }) => Object.entries(recordPublished(rule, tensors)));
    for (const [name, tensor] of published(params)) count(`parameter ${name}`, tensor);
    for (let batch = 0; batch < accumulate; batch++) {
      const [random, ...ids] = given.slice(leaves).map((each) => at(each, 0, batch));
      const made = lossOf(graph, params, { ...namedIds(ids, beside), random });
      const { length } = graph.resolved.layers;
      for (let layer = 0; layer <= length; layer++)
        count(
          layer < length ? `the input of layer ${layer}` : 'the output of the last layer',
          made.links[`${layer}.x`]!,
        );
      count('the loss of a token', made.losses);
      const gradients = published(gradOf(made.objective, params));
      for (const [name, tensor] of gradients.toReversed()) count(`the gradient of ${name}`, tensor);
    }
    return counts;
  }, typesOf(inputs));
}
