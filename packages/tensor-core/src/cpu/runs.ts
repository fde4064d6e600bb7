import { packHalf, unpackHalf } from '../half.ts';
import type { DType, HostArray } from '../dtype.ts';
import type { BinaryFunction, Comparison, UnaryFunction } from '../primitives/elementwise.ts';
import { erf, roundHalfEven, sigmoid } from './functions.ts';

type UnaryRun = (out: HostArray, o: number, a: HostArray, i: number, s: number, n: number) => void;
type BinaryRun = (
  out: HostArray,
  o: number,
  a: HostArray,
  i: number,
  s: number,
  b: HostArray,
  j: number,
  t: number,
  n: number,
) => void;

// One loop a function, written out: a shared loop over a function argument would call through a pointer at each element.

/** `out[o…] = f(a[i], a[i + s], …)`. */
export const unaryRuns: Readonly<Record<UnaryFunction, UnaryRun>> = {
  neg: (out, o, a, i, s, n) => {
    for (let k = 0; k < n; k++, i += s) {
      const x = a[i]!;
      out[o + k] = -x;
    }
  },
  abs: (out, o, a, i, s, n) => {
    for (let k = 0; k < n; k++, i += s) {
      const x = a[i]!;
      out[o + k] = Math.abs(x);
    }
  },
  sign: (out, o, a, i, s, n) => {
    for (let k = 0; k < n; k++, i += s) {
      const x = a[i]!;
      out[o + k] = Math.sign(x);
    }
  },
  exp: (out, o, a, i, s, n) => {
    for (let k = 0; k < n; k++, i += s) {
      const x = a[i]!;
      out[o + k] = Math.exp(x);
    }
  },
  log: (out, o, a, i, s, n) => {
    for (let k = 0; k < n; k++, i += s) {
      const x = a[i]!;
      out[o + k] = Math.log(x);
    }
  },
  sqrt: (out, o, a, i, s, n) => {
    for (let k = 0; k < n; k++, i += s) {
      const x = a[i]!;
      out[o + k] = Math.sqrt(x);
    }
  },
  rsqrt: (out, o, a, i, s, n) => {
    for (let k = 0; k < n; k++, i += s) {
      const x = a[i]!;
      out[o + k] = 1 / Math.sqrt(x);
    }
  },
  sin: (out, o, a, i, s, n) => {
    for (let k = 0; k < n; k++, i += s) {
      const x = a[i]!;
      out[o + k] = Math.sin(x);
    }
  },
  cos: (out, o, a, i, s, n) => {
    for (let k = 0; k < n; k++, i += s) {
      const x = a[i]!;
      out[o + k] = Math.cos(x);
    }
  },
  tanh: (out, o, a, i, s, n) => {
    for (let k = 0; k < n; k++, i += s) {
      const x = a[i]!;
      out[o + k] = Math.tanh(x);
    }
  },
  floor: (out, o, a, i, s, n) => {
    for (let k = 0; k < n; k++, i += s) {
      const x = a[i]!;
      out[o + k] = Math.floor(x);
    }
  },
  ceil: (out, o, a, i, s, n) => {
    for (let k = 0; k < n; k++, i += s) {
      const x = a[i]!;
      out[o + k] = Math.ceil(x);
    }
  },
  not: (out, o, a, i, s, n) => {
    for (let k = 0; k < n; k++, i += s) {
      const x = a[i]!;
      out[o + k] = x ? 0 : 1;
    }
  },
  sigmoid: (out, o, a, i, s, n) => {
    for (let k = 0; k < n; k++, i += s) {
      const x = a[i]!;
      out[o + k] = sigmoid(x);
    }
  },
  erf: (out, o, a, i, s, n) => {
    for (let k = 0; k < n; k++, i += s) {
      const x = a[i]!;
      out[o + k] = erf(x);
    }
  },
  round: (out, o, a, i, s, n) => {
    for (let k = 0; k < n; k++, i += s) {
      const x = a[i]!;
      out[o + k] = roundHalfEven(x);
    }
  },
};

/** `out[o…] = f(a[i], b[j]), f(a[i + s], b[j + t]), …` for floats and, where it is the same, integers. */
export const binaryRuns: Readonly<Record<BinaryFunction, BinaryRun>> = {
  add: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = a[i]! + b[j]!;
  },
  sub: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = a[i]! - b[j]!;
  },
  mul: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = a[i]! * b[j]!;
  },
  div: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = a[i]! / b[j]!;
  },
  rem: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = a[i]! % b[j]!;
  },
  pow: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = a[i]! ** b[j]!;
  },
  max: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = Math.max(a[i]!, b[j]!);
  },
  min: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = Math.min(a[i]!, b[j]!);
  },
  and: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = a[i]! & b[j]!;
  },
  or: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = a[i]! | b[j]!;
  },
  xor: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = a[i]! ^ b[j]!;
  },
  shl: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = a[i]! << b[j]!;
  },
  shr: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = a[i]! >> b[j]!;
  },
};

/** What integers do otherwise. Stores wrap by themselves. */
export const integerRuns: Readonly<Partial<Record<BinaryFunction, BinaryRun>>> = {
  mul: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = Math.imul(a[i]!, b[j]!);
  },
  div: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = b[j]! === 0 ? 0 : Math.trunc(a[i]! / b[j]!);
  },
  rem: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = b[j]! === 0 ? 0 : a[i]! % b[j]!;
  },
};

/** Shifts of unsigned words. */
export const unsignedRuns: Readonly<Partial<Record<BinaryFunction, BinaryRun>>> = {
  ...integerRuns,
  shr: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = a[i]! >>> b[j]!;
  },
};

/** Comparisons, giving 0 or 1. */
export const compareRuns: Readonly<Record<Comparison, BinaryRun>> = {
  eq: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = a[i]! === b[j]! ? 1 : 0;
  },
  ne: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = a[i]! !== b[j]! ? 1 : 0;
  },
  lt: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = a[i]! < b[j]! ? 1 : 0;
  },
  le: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = a[i]! <= b[j]! ? 1 : 0;
  },
  gt: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = a[i]! > b[j]! ? 1 : 0;
  },
  ge: (out, o, a, i, s, b, j, t, n) => {
    for (let k = 0; k < n; k++, i += s, j += t) out[o + k] = a[i]! >= b[j]! ? 1 : 0;
  },
};

/** Copies a run, changing the element type. */
export function castRun(
  out: HostArray,
  o: number,
  to: DType,
  a: HostArray,
  i: number,
  s: number,
  from: DType,
  n: number,
): void {
  if (from === 'f16' || from === 'bf16') {
    const numbers = out instanceof Float32Array || out instanceof Float64Array ? out : new Float32Array(n);
    const start = numbers === out ? o : 0;
    if (s === 1) unpackHalf(from, a as Uint16Array, i, numbers, start, n);
    else for (let k = 0; k < n; k++, i += s) unpackHalf(from, a as Uint16Array, i, numbers, start + k, 1);
    if (numbers !== out) castRun(out, o, to, numbers, 0, 1, 'f32', n);
    return;
  }
  if (to === 'f16' || to === 'bf16') {
    const numbers = new Float32Array(n);
    for (let k = 0; k < n; k++, i += s) numbers[k] = a[i]!;
    (out as Uint16Array).set(packHalf(to, numbers), o);
    return;
  }
  if (to === 'bool') for (let k = 0; k < n; k++, i += s) out[o + k] = a[i] === 0 ? 0 : 1;
  else for (let k = 0; k < n; k++, i += s) out[o + k] = a[i]!;
}

/** Copies a run without changing it. */
export function copyRun(out: HostArray, o: number, t: number, a: HostArray, i: number, s: number, n: number): void {
  if (s === 1 && t === 1 && n > 16) out.set(a.subarray(i, i + n), o);
  else for (let k = 0; k < n; k++, i += s, o += t) out[o] = a[i]!;
}

/** `where` on a run. */
export function whereRun(
  out: HostArray,
  o: number,
  c: HostArray,
  h: number,
  r: number,
  a: HostArray,
  i: number,
  s: number,
  b: HostArray,
  j: number,
  t: number,
  n: number,
): void {
  for (let k = 0; k < n; k++, h += r, i += s, j += t) out[o + k] = c[h] ? a[i]! : b[j]!;
}
