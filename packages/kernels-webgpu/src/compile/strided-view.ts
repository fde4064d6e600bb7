import type { Graph, GraphNode } from '@tessera/tensor-core';
import { views } from '../codegen/emitter.ts';

const prefix = '@tessera/tensor-core:';

/** Where the elements of a value lie in the buffer of another. */
export interface StridedView {
  readonly leaf: number;
  readonly strides: readonly number[];
  readonly offset: number;
}

/** A value as a strided view of a stored one, if it is no more than that. */
export function stridedView(
  graph: Graph,
  makers: readonly (GraphNode | undefined)[],
  stored: Pick<ReadonlySet<number>, 'has'>,
  value: number,
): StridedView | undefined {
  const { shape } = graph.types[value]!;
  if (stored.has(value)) {
    let stride = 1;
    const strides = shape.map(() => 0);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      strides[axis] = stride;
      stride *= shape[axis]!;
    }
    return { leaf: value, strides, offset: 0 };
  }
  const node = makers[value];
  if (!node || !views.has(node.op.id)) return undefined;
  const [input] = node.inputs as [number];
  const inner = stridedView(graph, makers, stored, input);
  if (!inner) return undefined;
  const from = graph.types[input]!.shape;
  switch (node.op.id.slice(prefix.length)) {
    case 'stop-gradient':
    case 'after':
      return inner;
    case 'permute':
      return {
        ...inner,
        strides: (node.attributes as { axes: readonly number[] }).axes.map((axis) => inner.strides[axis]!),
      };
    case 'broadcast': {
      const missing = shape.length - from.length;
      return {
        ...inner,
        strides: shape.map((_, axis) =>
          axis < missing || from[axis - missing] === 1 ? 0 : inner.strides[axis - missing]!,
        ),
      };
    }
    case 'slice': {
      const { starts, steps } = node.attributes as { starts: readonly number[]; steps: readonly number[] };
      const strides = inner.strides.map((stride, axis) => stride * steps[axis]!);
      const offset = inner.offset + starts.reduce((total, start, axis) => total + start * inner.strides[axis]!, 0);
      return strides.some((stride) => stride < 0) ? undefined : { leaf: inner.leaf, strides, offset };
    }
    default:
      return reshapedView(inner, from, shape);
  }
}

/** The same elements under another shape, where strides can say it: axes are split, or merged where they lie evenly. */
function reshapedView(inner: StridedView, from: readonly number[], to: readonly number[]): StridedView | undefined {
  const strides: number[] = new Array<number>(to.length).fill(0);
  let i = 0;
  let j = 0;
  while (i < from.length || j < to.length) {
    let [a, b] = [from[i] ?? 1, to[j] ?? 1];
    const [startI, startJ] = [i, j];
    i++;
    j++;
    while (a !== b) {
      if (a < b) a *= from[i++] ?? 0;
      else b *= to[j++] ?? 0;
      if (a === 0 || b === 0) return undefined;
    }
    const axes = from
      .slice(startI, i)
      .map((extent, k) => ({ extent, stride: inner.strides[startI + k]! }))
      .filter(({ extent }) => extent !== 1);
    for (let k = 0; k + 1 < axes.length; k++)
      if (axes[k]!.stride !== axes[k + 1]!.stride * axes[k + 1]!.extent) return undefined;
    let stride = axes.at(-1)?.stride ?? 0;
    for (let k = j - 1; k >= startJ; k--) {
      strides[k] = stride;
      stride *= to[k] ?? 1;
    }
  }
  return { ...inner, strides };
}
