import type { KernelCall } from '@tessera/tensor-core';

/** What the shaders need of the attributes of attention. */
export interface Attributes {
  readonly scale: number;
  readonly causal: boolean;
  readonly window: number;
  readonly softCap: number;
  readonly masked: boolean;
}

/** B rows, n queries, S slots; H query heads of K elements over G key and value heads, values of V. */
export interface Sizes {
  readonly B: number;
  readonly n: number;
  readonly H: number;
  readonly K: number;
  readonly S: number;
  readonly G: number;
  readonly V: number;
}

/** Sizes of a call. */
export function sizesOf({ inputs: [q, k, v] }: KernelCall<Attributes>): Sizes {
  const [B, n, H, K] = q!.shape as [number, number, number, number];
  const [, S, G] = k!.shape as [number, number, number];
  return { B, n, H, K, S, G, V: v!.shape[3]! };
}

/** Up to so many queries a row, reading the cache is the work. */
export const fewQueries = 8;

/** Whether the shaders can compute a call: four elements a load, f32. */
export function computable(call: KernelCall<Attributes>): boolean {
  const { B, n, H, S, K, V } = sizesOf(call);
  return (
    [0, 1, 2].every((input) => call.inputs[input]!.dtype === 'f32') &&
    B * n * H * S * K * V > 0 &&
    K % 4 === 0 &&
    V % 4 === 0
  );
}

/** Bindings of the inputs, 0 to 4 or 5. */
export const bindings = (masked: boolean): string => `@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read> queryPositions: array<i32>;
@group(0) @binding(4) var<storage, read> keyPositions: array<i32>;
${masked ? '@group(0) @binding(5) var<storage, read> mask: array<u32>;' : ''}`;

/** Number of the first binding after the inputs. */
export const afterInputs = (masked: boolean): number => (masked ? 6 : 5);

/**
 * Whether a query at `position` sees a key at `at`. Without branches, which `&&` would bring: SwiftShader takes minutes to
 * compile some dozens of them.
 */
export function visible({ causal, window, masked }: Attributes, maskIndex: string): string {
  return [
    '(at >= 0)',
    ...(causal ? ['(at <= position)'] : []),
    ...(window > 0 ? [`(abs(position - at) < ${window})`] : []),
    ...(masked ? [`(mask[${maskIndex}] != 0u)`] : []),
  ].join(' & ');
}

/** A score from a dot product. */
export function scored({ scale, softCap }: Attributes, dotProduct: string): string {
  const score = `(${dotProduct}) * ${float(scale)}`;
  return softCap > 0 ? `${float(softCap)} * tanh(clamp(${score} / ${float(softCap)}, -20.0, 20.0))` : score;
}

/** A number as WGSL writes it. */
export function float(value: number): string {
  return `${Math.fround(value)}f`;
}

/** Stands for −∞. */
export const lowest = '-1e30';
