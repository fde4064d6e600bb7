import type { LanguageModelGraph } from '@tessera/assembler';
import type { Graph } from '@tessera/tensor-core';
import { fromHost, matmulOp, permuteOp, reshapeOp, sameShape, trace, zeros } from '@tessera/tensor-core';

/** How a matrix is stored that is used as a linear map. */
export type Orientation = 'out-in' | 'in-out';

/**
 * The parameters of a model that are linear maps: matrices of which nothing is asked but products of vectors with them. Seen in
 * what the model records for two tokens, so that it holds for every mixer, whatever it calls its weights.
 */
export function linearUses(model: LanguageModelGraph): ReadonlyMap<string, Orientation> {
  const params = Object.entries(model.params());
  const graph = trace(
    (...values) => {
      const named = Object.fromEntries(params.map(([path], index) => [path, values[index]!]));
      const starts = zeros([1], 'i32');
      return [model.forward(named, { tokens: zeros([1, 2], 'i32'), starts, lengths: fromHost(Int32Array.of(2), [1]) }).logits]; // prettier-ignore
    },
    params.map(([, { shape }]) => ({ shape, dtype: 'f32' })),
  );
  const readers = readersOf(graph);
  const found = new Map<string, Orientation>();
  params.forEach(([path, { shape }], value) => {
    const uses = shape.length === 2 ? usesOf(graph, readers, value, 'in-out') : [];
    const [first] = uses;
    if (first !== undefined && uses.every((use) => use === first)) found.set(path, first);
  });
  return found;
}

type Readers = ReadonlyMap<number, readonly Graph['nodes'][number][]>;

function readersOf({ nodes }: Graph): Readers {
  const readers = new Map<number, Graph['nodes'][number][]>();
  for (const node of nodes)
    for (const input of new Set(node.inputs)) readers.set(input, [...(readers.get(input) ?? []), node]);
  return readers;
}

/** How a value is used, through views of it, as the right operand of products; undefined for every other use. */
function usesOf(graph: Graph, readers: Readers, value: number, now: Orientation): (Orientation | undefined)[] {
  const uses: (Orientation | undefined)[] = graph.outputs.includes(value) ? [undefined] : [];
  for (const { op, inputs, outputs } of readers.get(value) ?? []) {
    const [made] = outputs as readonly [number];
    const { shape } = graph.types[made]!;
    if (op.id === permuteOp.id) uses.push(...usesOf(graph, readers, made, now === 'out-in' ? 'in-out' : 'out-in')); // a permuted matrix is turned
    else if (op.id === reshapeOp.id && sameShape(shape, graph.types[value]!.shape))
      uses.push(...usesOf(graph, readers, made, now));
    else uses.push(op.id === matmulOp.id && inputs[0] !== value ? now : undefined);
  }
  return uses;
}
