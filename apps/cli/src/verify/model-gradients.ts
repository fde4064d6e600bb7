import type { Model, ModelParams, Origin } from '@tessera/assembler';
import { fromFloat32, toFloat32, writePublished } from '@tessera/checkpoints';
import { crossEntropy } from '@tessera/ops';
import type { HostArray, Tensor } from '@tessera/tensor-core';
import {
  disposeTree,
  fillTree,
  fromHost,
  gradOf,
  mean,
  slice,
  trace,
  treeEntries,
  treeLeaves,
  zeros,
} from '@tessera/tensor-core';

/** Loss and gradients of a model. */
export interface ModelGradients {
  readonly loss: number;
  /** By published name, row-major in the published shape. */
  readonly tensors: ReadonlyMap<string, Float32Array>;
}

/**
 * Mean cross-entropy of each next token of rows of one length, and its gradient by every published tensor, computed on the
 * device of the model. Nothing is dropped out.
 */
export async function modelGradients(model: Model, rows: readonly (readonly number[])[]): Promise<ModelGradients> {
  const { device, params, origin } = model;
  const entries = treeEntries(params);
  const tokens = fromHost(Int32Array.from(rows.flat()), [rows.length, rows[0]!.length]);
  const graph = trace(
    (ids, ...weights) => {
      const given = fillTree(params, weights);
      const loss = nextTokenLoss(model, given, ids!);
      return [loss, ...treeLeaves(gradOf(loss, given))];
    },
    [tokens, ...entries.map(([, weight]) => weight)],
  );
  const program = await device.compile(graph);
  let made: readonly Tensor[] = [];
  try {
    made = program.run([tokens, ...entries.map(([, weight]) => weight)]);
    const [loss, ...gradients] = await Promise.all(made.map((each) => device.read(each)));
    const ours = new Map(entries.map(([path], index) => [path, gradients[index]!]));
    return { loss: loss![0]!, tensors: await published(origin!, params, ours) };
  } finally {
    disposeTree(made);
    program.dispose();
  }
}

function nextTokenLoss({ graph }: Model, params: ModelParams, tokens: Tensor): Tensor {
  const [B, T] = tokens.shape as [number, number];
  const batch = { tokens, starts: zeros([B], 'i32'), lengths: fromHost(new Int32Array(B).fill(T), [B]) };
  const { logits } = graph.forward(params, batch);
  return mean(crossEntropy(slice(logits, 1, 0, T - 1), slice(tokens, 1, 1)));
}

/** Gradients of published tensors: what the rules make of weights, they make of gradients. */
async function published(
  { rules }: Origin,
  params: ModelParams,
  ours: ReadonlyMap<string, HostArray>,
): Promise<Map<string, Float32Array>> {
  const tensors = new Map<string, Float32Array>();
  for (const rule of rules) {
    const written = await writePublished(rule, async (path) => ({
      dtype: 'F32',
      shape: params[path]!.shape,
      bytes: fromFloat32(ours.get(path) as Float32Array, 'F32'),
    }));
    for (const [name, { bytes, dtype }] of written) tensors.set(name, toFloat32(bytes, dtype));
  }
  return tensors;
}
