import type { Graph } from './graph.ts';
import { graphOf } from './graph.ts';
import type { TensorType } from './op.ts';
import { permuteOp } from './primitives/view.ts';
import type { Tensor, TensorSource } from './tensor.ts';
import { placeholder } from './tensor.ts';

/** A traced function with what it read from outside made explicit. */
export interface Closure {
  /** Inputs: the parameters, then the captured values. */
  readonly graph: Graph;
  /** What the function read that does not depend on its parameters. Computed once, outside. */
  readonly captured: readonly Tensor[];
}

/** Traces `build`; values that do not depend on its parameters become further inputs, so that a loop computes them once. */
export function traceClosure(build: (...inputs: Tensor[]) => readonly Tensor[], types: readonly TensorType[]): Closure {
  const parameters = types.map(placeholder);
  const outputs = build(...parameters);
  const depends = dependence(outputs, new Set(parameters));
  const captured = new Map<Tensor, Tensor>();
  const rebuilt = new Map<Tensor, Tensor>();
  for (const tensor of depends.order) {
    if (depends.on.has(tensor)) continue;
    if (tensor.source.kind === 'host') continue;
    captured.set(tensor, placeholder(tensor));
  }
  const needed = new Set<Tensor>();
  const replaced = substitute(outputs, depends.on, captured, rebuilt, needed);
  const kept = [...captured].filter(([tensor]) => needed.has(tensor));
  return {
    graph: graphOf(replaced, [...parameters, ...kept.map(([, input]) => input)]),
    captured: kept.map(([tensor]) => tensor),
  };
}

/** All tensors below `outputs`, inputs first, and which of them depend on the parameters. */
function dependence(outputs: readonly Tensor[], parameters: ReadonlySet<Tensor>): { order: Tensor[]; on: Set<Tensor> } {
  const order: Tensor[] = [];
  const on = new Set<Tensor>(parameters);
  const seen = new Set<Tensor>();
  const stack = [...outputs];
  while (stack.length > 0) {
    const tensor = stack[stack.length - 1]!;
    if (seen.has(tensor)) {
      stack.pop();
      continue;
    }
    const inputs = tensor.source.kind === 'node' ? tensor.source.node.inputs : [];
    const pending = inputs.filter((input) => !seen.has(input));
    if (pending.length > 0) {
      stack.push(...pending);
      continue;
    }
    seen.add(tensor);
    order.push(tensor);
    if (inputs.some((input) => on.has(input))) on.add(tensor);
    stack.pop();
  }
  return { order, on };
}

/** Rebuilds the dependent part of `outputs` with captured values in place of what they stand for. */
function substitute(
  outputs: readonly Tensor[],
  dependent: ReadonlySet<Tensor>,
  captured: ReadonlyMap<Tensor, Tensor>,
  rebuilt: Map<Tensor, Tensor>,
  needed: Set<Tensor>,
): Tensor[] {
  const nodes = new Map<object, object>();
  const replace = (tensor: Tensor): Tensor => {
    if (!dependent.has(tensor)) {
      if (isTurnedWeight(tensor)) return turned(tensor);
      const input = captured.get(tensor);
      if (input) needed.add(tensor);
      return input ?? tensor;
    }
    return rebuilt.get(tensor) ?? tensor;
  };
  const turned = ({ source: { node, index }, ...type }: TurnedWeight): Tensor => {
    const [weight] = node.inputs as [Tensor];
    const Copy = weight.constructor as typeof Tensor;
    return new Copy(type, { kind: 'node', node: { ...node, inputs: [replace(weight)] }, index });
  };
  const { order } = dependence(outputs, new Set());
  for (const tensor of order) {
    const { source } = tensor;
    if (!dependent.has(tensor) || source.kind !== 'node') continue;
    let node = nodes.get(source.node) as typeof source.node | undefined;
    if (!node) {
      node = { ...source.node, inputs: source.node.inputs.map(replace) };
      nodes.set(source.node, node);
    }
    const Copy = tensor.constructor as typeof Tensor;
    rebuilt.set(tensor, new Copy(tensor, { kind: 'node', node, index: source.index }));
  }
  return outputs.map(replace);
}

type TurnedWeight = Tensor & { readonly source: Extract<TensorSource, { kind: 'node' }> };

/** A turned view of what lies on a device: outside it would be stored as a copy, inside it costs nothing. */
function isTurnedWeight(tensor: Tensor): tensor is TurnedWeight {
  const { source } = tensor;
  return (
    source.kind === 'node' && source.node.op.id === permuteOp.id && source.node.inputs[0]!.source.kind === 'resident'
  );
}
