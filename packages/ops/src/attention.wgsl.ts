import type { KernelCall } from '@tessera/tensor-core';

/** What the shaders need of the attributes of attention. */
export interface Attributes {
  readonly scale: number;
  readonly causal: boolean;
  readonly window: number;
  readonly softCap: number;
  readonly masked: boolean;
  readonly pinned: number;
  readonly sinks: boolean;
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

/** Inputs in their order, with the type of their elements in a shader. */
function inputsOf({ masked, pinned, sinks }: Attributes): readonly (readonly [name: string, type: string])[] {
  return [
    ['q', 'vec4f'],
    ['k', 'vec4f'],
    ['v', 'vec4f'],
    ['queryPositions', 'i32'],
    ['keyPositions', 'i32'],
    ...(masked ? ([['mask', 'u32']] as const) : []),
    ...(pinned > 0 ? ([['pinnedQuery', 'vec4f']] as const) : []),
    ...(sinks ? ([['sinks', 'f32']] as const) : []),
  ];
}

/** Bindings of the inputs, one after another from 0. */
export function bindings(attributes: Attributes): string {
  return inputsOf(attributes)
    .map(([name, type], index) => `@group(0) @binding(${index}) var<storage, read> ${name}: array<${type}>;`)
    .join('\n');
}

/** Number of the first binding after the inputs. */
export const afterInputs = (attributes: Attributes): number => inputsOf(attributes).length;

/** What the largest score and the mass of a query of head `h` start from: the logit of a key without a value, or nothing. */
export function beginning({ sinks }: Attributes, h: string): { readonly top: string; readonly mass: string } {
  return sinks ? { top: `sinks[${h}]`, mass: '1.0' } : { top: lowest, mass: '0.0' };
}

/**
 * Whether a query at `position` sees a key at `at` in the slot `s`. Without branches, which `&&` would bring: SwiftShader takes minutes to
 * compile some dozens of them.
 */
export function visible({ causal, window, masked, pinned }: Attributes, maskIndex: string): string {
  return [
    '(at >= 0)',
    ...(causal ? ['(at <= position)'] : []),
    ...(window > 0 ? [`((abs(position - at) < ${window})${pinned > 0 ? ` | (s < ${pinned}u)` : ''})`] : []),
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
