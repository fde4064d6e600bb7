import type { DType } from '@tessera/tensor-core';

/** A storage buffer of numbers, of 16 or 32 bits, that a kernel reads four at a time. */
export interface NumbersBuffer {
  readonly name: string;
  readonly binding: number;
  readonly dtype: DType;
  /** Whether every four that are read begin at a multiple of four: then they are one load. */
  readonly aligned: boolean;
}

const words: Readonly<Record<string, { readonly four: string; readonly one: string }>> = {
  f32: { four: 'vec4f', one: 'f32' },
  f16: { four: 'vec2u', one: 'u32' },
  bf16: { four: 'vec2u', one: 'u32' },
};

/** WGSL that binds the buffer, and `fn name_four(at) -> vec4f`, the numbers from `at` on. */
export function bindNumbers({ name, binding, dtype, aligned }: NumbersBuffer): string {
  const { four, one } = words[dtype]!;
  const pair = (word: string): string =>
    dtype === 'f16'
      ? `unpack2x16float(${word})`
      : `vec2f(bitcast<f32>(${word} << 16u), bitcast<f32>(${word} & 0xffff0000u))`;
  const single = (i: number): string =>
    dtype === 'f32' ? `${name}[at + ${i}u]` : `(${pair(`${name}[(at + ${i}u) / 2u]`)})[(at + ${i}u) % 2u]`;
  const whole = dtype === 'f32' ? `${name}[at / 4u]` : `vec4f(${pair(`${name}[at / 4u].x`)}, ${pair(`${name}[at / 4u].y`)})`; // prettier-ignore
  return `@group(0) @binding(${binding}) var<storage, read> ${name}: array<${aligned ? four : one}>;
fn ${name}_four(at: u32) -> vec4f { return ${aligned ? whole : `vec4f(${[0, 1, 2, 3].map(single).join(', ')})`}; }`;
}
