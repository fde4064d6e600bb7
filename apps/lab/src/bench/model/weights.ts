import type { LanguageModelGraph, ModelParams } from '@tessera/assembler';
import type { Initializer } from '@tessera/plugin';
import type { Device, Tensor, TensorType } from '@tessera/tensor-core';
import { bytesPerElement, fromHost, sizeOf } from '@tessera/tensor-core';
import type { WeightDtype } from '../cases/products.ts';
import { filler } from '../filler.ts';

/** Where weights are of another size than usual. */
interface WeightScales {
  /** Numbers of the embedding are in (−embedding, embedding). */
  readonly embedding?: number;
}

/** Depends on the path alone, so that a model of fewer layers has the same ones. */
function seedOf(path: string): number {
  let seed = 0;
  for (const character of path) seed = (seed * 131 + character.codePointAt(0)!) % 65_521;
  return seed;
}

/** Types and values of all weights, made one after another: matrices random, of the others what they begin with. */
function* weightsOf(
  graph: LanguageModelGraph,
  dtype: WeightDtype,
  { embedding }: WeightScales = {},
): Generator<[path: string, type: TensorType, data: Float32Array | Uint16Array]> {
  for (const [path, { shape, init, precise }] of Object.entries(graph.params())) {
    const matrix = shape.length > 1;
    const type: TensorType = { shape, dtype: matrix && !precise ? dtype : 'f32' };
    // About as large as what a trained layer has: activations neither vanish nor grow.
    const scale = (path === 'embedding.weight' ? embedding : undefined) ?? 1.2 * shape.at(-1)! ** -0.5;
    if (matrix) yield [path, type, filler(type, seedOf(path), scale)];
    else yield [path, type, firstValues(init, type, seedOf(path))];
  }
}

function firstValues(init: Initializer, type: TensorType, seed: number): Float32Array {
  const values = new Float32Array(type.shape[0]!);
  if (init.kind === 'constant') return values.fill(init.value);
  const uniform = filler(type, seed, 0.5, (draw) => draw + 0.5) as Float32Array;
  return init.kind === 'custom' ? Float32Array.from(init.values(uniform)) : uniform;
}

/** The weights on a device. */
export function uploadWeights(
  graph: LanguageModelGraph,
  dtype: WeightDtype,
  device: Device,
  scales?: WeightScales,
): Readonly<Record<string, Tensor>> {
  return Object.fromEntries(named(weightsOf(graph, dtype, scales), (type, data) => device.upload(data, type)));
}

/** The same weights on the host. */
export function hostWeights(graph: LanguageModelGraph, dtype: WeightDtype): ModelParams {
  return Object.fromEntries(
    named(weightsOf(graph, dtype), ({ shape, dtype: kept }, data) => fromHost(data, shape, kept)),
  );
}

function* named(
  weights: ReturnType<typeof weightsOf>,
  make: (type: TensorType, data: Float32Array | Uint16Array) => Tensor,
): Generator<[string, Tensor]> {
  for (const [path, type, data] of weights) yield [path, make(type, data)];
}

/** Bytes of weights that a step reads: all but the embedding, of which it reads a row a token. */
export function weightBytesRead(params: ModelParams): number {
  return Object.entries(params).reduce(
    (total, [path, { shape, dtype }]) =>
      path.startsWith('embedding.') ? total : total + sizeOf(shape) * bytesPerElement(dtype),
    0,
  );
}

/** Numbers by which each token of a prompt is multiplied: all matrices but the embedding and the head. */
export function weightsPerToken(params: ModelParams): number {
  return Object.entries(params).reduce(
    (total, [path, { shape }]) =>
      shape.length < 2 || path.startsWith('embedding.') || path.startsWith('head.') ? total : total + sizeOf(shape),
    0,
  );
}
