import type { BinaryFunction, Comparison, UnaryFunction } from '@tessera/tensor-core';
import type { Scalar } from './region.ts';

/** Functions that WGSL lacks or has in a form that overflows. Each is added to a shader that calls it. */
export const library: Readonly<Record<string, string>> = {
  // Keeps infinities out of constant expressions.
  runtime_zero: `var<private> private_zero: u32 = 0u; fn runtime_zero() -> u32 { return private_zero; }`,
  safe_tanh: `fn safe_tanh(x: f32) -> f32 { return tanh(clamp(x, -20.0, 20.0)); }`,
  stable_sigmoid: `fn stable_sigmoid(x: f32) -> f32 { let e = exp(-abs(x)); return select(e, 1.0, x >= 0.0) / (1.0 + e); }`,
  // Abramowitz and Stegun 1964, 7.1.26 has an error of 1.5e-7; small arguments take the series, where it would cancel.
  erf_of: `fn erf_of(x: f32) -> f32 {
  let z = abs(x);
  if (z < 0.5) {
    let s = x * x;
    return x * (1.1283791671 + s * (-0.3761263890 + s * (0.1128379167 + s * (-0.0268661706 + s * (0.0052239776 + s * -0.0008548327)))));
  }
  let t = 1.0 / (1.0 + 0.3275911 * z);
  let p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return sign(x) * (1.0 - p * exp(-z * z));
}`,
  real_pow: `fn real_pow(x: f32, y: f32) -> f32 {
  if (y == 0.0) { return 1.0; }
  if (x == 0.0) { return 0.0; }
  let magnitude = exp2(y * log2(abs(x)));
  let odd = abs(y % 2.0) == 1.0;
  return select(magnitude, select(magnitude, -magnitude, odd), x < 0.0);
}`,
  threefry_word: `fn threefry_word(k0: u32, k1: u32, element: u32) -> u32 {
  let k2 = k0 ^ k1 ^ 0x1bd11bdau;
  var keys = array<u32, 3>(k0, k1, k2);
  var turns = array<u32, 8>(13u, 15u, 26u, 6u, 17u, 29u, 16u, 24u);
  var x0 = element / 2u + k0;
  var x1 = k1;
  for (var round = 0u; round < 20u; round++) {
    let r = turns[round % 8u];
    x0 = x0 + x1;
    x1 = ((x1 << r) | (x1 >> (32u - r))) ^ x0;
    if (round % 4u == 3u) {
      let turn = (round + 1u) / 4u;
      x0 = x0 + keys[turn % 3u];
      x1 = x1 + keys[(turn + 1u) % 3u] + turn;
    }
  }
  return select(x0, x1, element % 2u == 1u);
}`,
  halves: `fn halves(w: vec2u) -> vec4f { return vec4f(unpack2x16float(w.x), unpack2x16float(w.y)); }`,
  brain_halves: `fn brain_halves(w: vec2u) -> vec4f {
  return vec4f(bitcast<f32>(w.x << 16u), bitcast<f32>(w.x & 0xffff0000u), bitcast<f32>(w.y << 16u), bitcast<f32>(w.y & 0xffff0000u));
}`,
  bf16_bits: `fn bf16_bits(x: f32) -> u32 {
  let b = bitcast<u32>(x);
  if ((b & 0x7fffffffu) > 0x7f800000u) { return (b >> 16u) | 0x40u; }
  return (b + 0x7fffu + ((b >> 16u) & 1u)) >> 16u;
}`,
};

const unary: Readonly<Record<UnaryFunction, (x: string, type: Scalar) => string>> = {
  neg: (x) => `(-${x})`,
  abs: (x) => `abs(${x})`,
  sign: (x) => `sign(${x})`,
  exp: (x) => `exp(${x})`,
  log: (x) => `log(${x})`,
  sqrt: (x) => `sqrt(${x})`,
  rsqrt: (x) => `inverseSqrt(${x})`,
  sin: (x) => `sin(${x})`,
  cos: (x) => `cos(${x})`,
  tanh: (x) => `safe_tanh(${x})`,
  sigmoid: (x) => `stable_sigmoid(${x})`,
  erf: (x) => `erf_of(${x})`,
  floor: (x) => `floor(${x})`,
  ceil: (x) => `ceil(${x})`,
  round: (x) => `round(${x})`,
  not: (x) => `(!${x})`,
};

const operators: Readonly<Partial<Record<BinaryFunction, string>>> = {
  add: '+',
  sub: '-',
  mul: '*',
  div: '/',
  rem: '%',
  xor: '^',
};

/** WGSL of a function of one number. */
export function unaryCode(fn: UnaryFunction, x: string, type: Scalar): string {
  // Negating the smallest unsigned word has no operator.
  if (type === 'u32' && fn === 'neg') return `(0u - ${x})`;
  if (type === 'u32' && fn === 'sign') return `min(${x}, 1u)`;
  return unary[fn](x, type);
}

/** WGSL of a function of two numbers. */
export function binaryCode(fn: BinaryFunction, a: string, b: string, type: Scalar): string {
  const operator = operators[fn];
  if (fn === 'xor' && type === 'bool') return `(${a} != ${b})`;
  if (operator !== undefined) return `(${a} ${operator} ${b})`;
  switch (fn) {
    case 'pow':
      return `real_pow(${a}, ${b})`;
    case 'max':
    case 'min':
      return `${fn}(${a}, ${b})`;
    case 'and':
      return type === 'bool' ? `(${a} && ${b})` : `(${a} & ${b})`;
    case 'or':
      return type === 'bool' ? `(${a} || ${b})` : `(${a} | ${b})`;
    case 'shl':
      return `(${a} << (${type === 'u32' ? b : `u32(${b})`} & 31u))`;
    default:
      return `(${a} >> (${type === 'u32' ? b : `u32(${b})`} & 31u))`;
  }
}

const comparisons: Readonly<Record<Comparison, string>> = { eq: '==', ne: '!=', lt: '<', le: '<=', gt: '>', ge: '>=' };

/** WGSL of a comparison. */
export function compareCode(fn: Comparison, a: string, b: string): string {
  return `(${a} ${comparisons[fn]} ${b})`;
}

/** WGSL of a change of element type. */
export function castCode(x: string, from: Scalar, to: Scalar): string {
  if (from === to) return x;
  if (to === 'bool') return `(${x} != ${from === 'f32' ? '0.0' : from === 'i32' ? '0i' : '0u'})`;
  return `${to}(${x})`;
}
