import { TesseraError } from '../errors.ts';
import type { GradientCall, Op } from '../op.ts';
import { add } from '../primitives/elementwise.ts';
import { sameShape, showShape } from '../shape.ts';
import type { OpNode, Tensor } from '../tensor.ts';
import type { GradientRule, PullBack } from './gradient-rule.ts';

type Rules = (op: Op) => GradientRule | undefined;

/** True for element types that a gradient can flow through. */
export function isFloat({ dtype }: { readonly dtype: string }): boolean {
  return dtype === 'f32' || dtype === 'f16' || dtype === 'bf16';
}

/**
 * Reverse mode over recorded tensors: the cotangents of `wrt` for given cotangents of `outputs`. Values of `wrt` are leaves, also
 * when one depends on another. Nothing is computed here: the result is recorded as everything else, so it can be differentiated again.
 */
export function cotangentsOf(
  outputs: readonly Tensor[],
  given: readonly (Tensor | undefined)[],
  wrt: readonly Tensor[],
  ruleOf: Rules,
): (Tensor | undefined)[] {
  const pullBack: PullBack = (of, cotangents, by) => cotangentsOf(of, cotangents, by, ruleOf);
  const leaves = new Set(wrt);
  const order = dependentNodes(outputs, leaves);
  const ofLeaves = new Map<Tensor, Tensor>();
  const ofNodes = new Map<OpNode, (Tensor | undefined)[]>();
  const accumulate = (tensor: Tensor, cotangent: Tensor, from: string): void => {
    if (!isFloat(tensor)) return;
    if (!sameShape(cotangent.shape, tensor.shape) || cotangent.dtype !== 'f32')
      throw new TesseraError(
        'GRADIENT',
        `The gradient of ${from} is ${cotangent.dtype}${showShape(cotangent.shape)} for an input of shape ${showShape(tensor.shape)}, expected f32 of that shape.`,
      );
    const { source } = tensor;
    if (leaves.has(tensor)) {
      const known = ofLeaves.get(tensor);
      ofLeaves.set(tensor, known ? add(known, cotangent) : cotangent);
    } else if (source.kind === 'node' && order.has(source.node)) {
      let list = ofNodes.get(source.node);
      if (!list) ofNodes.set(source.node, (list = source.node.types.map(() => undefined)));
      const known = list[source.index];
      list[source.index] = known ? add(known, cotangent) : cotangent;
    }
  };
  outputs.forEach((output, index) => {
    const cotangent = given[index];
    if (cotangent) accumulate(output, cotangent, 'the output');
  });
  for (const [node, made] of [...order].toReversed()) {
    const cotangents = ofNodes.get(node);
    if (!cotangents) continue;
    const rule = ruleOf(node.op);
    if (!rule) continue;
    const call = { inputs: node.inputs, outputs: made, cotangents, attributes: node.attributes };
    const needed = node.inputs.map(
      (input) => leaves.has(input) || (input.source.kind === 'node' && order.has(input.source.node)),
    );
    const flows = rule(call as unknown as GradientCall<never>, pullBack, needed);
    node.inputs.forEach((input, position) => {
      const cotangent = flows[position];
      if (cotangent) accumulate(input, cotangent, node.op.id);
    });
  }
  return wrt.map((leaf) => ofLeaves.get(leaf));
}

/** The nodes between `leaves` and `outputs`, in an order in which each comes after what it reads, with the tensors they made. */
function dependentNodes(outputs: readonly Tensor[], leaves: ReadonlySet<Tensor>): Map<OpNode, readonly Tensor[]> {
  const depends = new Map<Tensor, boolean>();
  const order = new Map<OpNode, Tensor[]>();
  const stack: Tensor[] = [...outputs];
  while (stack.length > 0) {
    const tensor = stack[stack.length - 1]!;
    if (depends.has(tensor)) {
      stack.pop();
      continue;
    }
    const { source } = tensor;
    if (leaves.has(tensor) || source.kind !== 'node') {
      depends.set(tensor, leaves.has(tensor));
      stack.pop();
      continue;
    }
    const pending = source.node.inputs.filter((input) => !depends.has(input));
    if (pending.length > 0) {
      stack.push(...pending);
      continue;
    }
    stack.pop();
    const dependent = source.node.inputs.some((input) => depends.get(input)!);
    depends.set(tensor, dependent);
    if (!dependent) continue;
    let made = order.get(source.node);
    if (!made) order.set(source.node, (made = []));
    made[source.index] = tensor;
  }
  // A rule may ask for outputs that nobody read.
  for (const [node, made] of order) {
    const [known] = Object.values(made) as [Tensor];
    const Copy = known.constructor as typeof Tensor;
    node.types.forEach((type, index) => {
      made[index] ??= new Copy(type, { kind: 'node', node, index });
    });
  }
  return order;
}
