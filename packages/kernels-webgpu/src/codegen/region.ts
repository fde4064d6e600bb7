import type { DType, Graph, GraphNode, TensorType } from '@tessera/tensor-core';

/** Element types as WGSL knows them. */
export type Scalar = 'f32' | 'i32' | 'u32' | 'bool';

/** WGSL type of an element once it is read. */
export function scalarOf(dtype: DType): Scalar {
  return dtype === 'f16' || dtype === 'bf16' ? 'f32' : dtype;
}

/** WGSL type of an element of a buffer: two 16-bit floats share a `u32`, booleans take one each. */
export function storedAs(dtype: DType): 'f32' | 'i32' | 'u32' {
  return dtype === 'f32' || dtype === 'i32' ? dtype : 'u32';
}

/** A graph with what code generation asks of it. */
export interface Region {
  readonly graph: Graph;
  readonly types: readonly TensorType[];
  /** The node that makes a value; undefined for inputs and constants. */
  readonly makers: readonly (GraphNode | undefined)[];
  /** True for values that have a buffer; the others are computed where they are read. */
  isStored(value: number): boolean;
}

/** The maker of each value. */
export function makersOf(graph: Graph): (GraphNode | undefined)[] {
  const makers = new Array<GraphNode | undefined>(graph.types.length).fill(undefined);
  for (const node of graph.nodes) for (const value of node.outputs) makers[value] = node;
  return makers;
}

/** The number that a value stands for, when it is a scalar constant of the host. */
export function literalOf(graph: Graph, value: number): number | undefined {
  const constant = value >= graph.inputs ? graph.constants[value - graph.inputs] : undefined;
  return constant?.source.kind === 'host' && constant.source.data.length === 1 ? constant.source.data[0] : undefined;
}

/** The same region, in which one value is computed rather than read: for the task that writes it. */
export function asExpression(region: Region, computed: number): Region {
  return { ...region, isStored: (value) => value !== computed && region.isStored(value) };
}

/** WGSL of a 16-bit float of a buffer of words, at an element index without side effects. */
export function packedElement(dtype: 'f16' | 'bf16', buffer: string, index: string): string {
  return dtype === 'f16'
    ? `unpack2x16float(${buffer}[(${index}) / 2u])[(${index}) % 2u]`
    : `bitcast<f32>((${buffer}[(${index}) / 2u] >> (16u * ((${index}) % 2u))) << 16u)`;
}

/** WGSL of a word that holds two 16-bit floats. */
export function packedPair(dtype: 'f16' | 'bf16', low: string, high: string): string {
  return dtype === 'f16' ? `pack2x16float(vec2f(${low}, ${high}))` : `bf16_bits(${low}) | (bf16_bits(${high}) << 16u)`;
}
