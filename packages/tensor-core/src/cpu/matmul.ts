import { unpackHalf } from '../half.ts';
import { sizeOf } from '../shape.ts';
import type { CpuArray } from './array.ts';
import { broadcastStrides, forEachRun } from './array.ts';
import type { SimdProducts } from './simd-products.ts';

type Reals = Float32Array | Float64Array;

/** Columns of the right operand that are unpacked at a time. */
const panel = 16;
const simdPanel = 64;

/** Below this many rows or this depth, packing the operands costs more than it saves. */
const simdRows = 4;
const simdDepth = 16;

/**
 * `a [batch…, M, K]` · `b [batch…, K, N]` into row-major `out`. Each element is one sum over K in order, in double precision;
 * with `simd`, four sums in single precision.
 */
export function matmulInto(out: CpuArray, a: CpuArray, b: CpuArray, simd?: SimdProducts): void {
  const M = out.shape.at(-2)!;
  const N = out.shape.at(-1)!;
  const K = a.shape.at(-1)!;
  const wide = out.storage.data instanceof Float64Array;
  const left = { data: a.storage.data as Reals, row: a.strides.at(-2)!, inner: a.strides.at(-1)! };
  const right = { row: b.strides.at(-1)!, inner: b.strides.at(-2)! };
  const result = out.storage.data as Reals;
  if (simd && !wide && M >= simdRows && K >= simdDepth) {
    if (sizeOf(out.shape) > 0) simdMatmulInto(out, a, b, simd);
    return;
  }
  const scratchA = left.inner === 1 || K < 2 ? undefined : allocate(wide, M * K);
  const direct = b.dtype === 'f32' && (right.inner === 1 || K < 2);
  const scratchB = direct ? undefined : allocate(wide, Math.min(N, panel) * K);
  const words = scratchB instanceof Float32Array ? new Uint32Array(scratchB.buffer) : undefined;
  const multiply = (aStart: number, bStart: number, outStart: number): void => {
    let rows = left.data;
    let rowStart = aStart;
    let rowStride = left.row;
    if (scratchA) {
      for (let m = 0; m < M; m++)
        for (let k = 0; k < K; k++) scratchA[m * K + k] = left.data[aStart + m * left.row + k * left.inner]!;
      rows = scratchA;
      rowStart = 0;
      rowStride = K;
    }
    if (direct) {
      dotProducts(result, outStart, N, rows, rowStart, rowStride, b.storage.data as Reals, bStart, right.row, M, N, K);
      return;
    }
    for (let n = 0; n < N; n += panel) {
      const columns = Math.min(panel, N - n);
      for (let c = 0; c < columns; c++)
        loadColumn(scratchB!, words, c * K, b, bStart + (n + c) * right.row, right.inner, K);
      dotProducts(result, outStart + n, N, rows, rowStart, rowStride, scratchB!, 0, K, M, columns, K);
    }
  };
  if (sizeOf(out.shape) === 0) return;
  forEachMatrix(out, a, b, multiply);
}

/** Calls `multiply` with the first elements of the two matrices and of their product. */
function forEachMatrix(
  out: CpuArray,
  a: CpuArray,
  b: CpuArray,
  multiply: (aStart: number, bStart: number, outStart: number) => void,
): void {
  const batch = out.shape.slice(0, -2);
  const leading = (array: CpuArray): number[] =>
    broadcastStrides({ ...array, shape: array.shape.slice(0, -2), strides: array.strides.slice(0, -2) }, batch);
  forEachRun(
    batch,
    [leading(a), leading(b), out.strides.slice(0, -2)],
    [a.offset, b.offset, out.offset],
    ([i, j, o], length, [s, t, u]) => {
      for (let r = 0; r < length; r++) multiply(i! + r * s!, j! + r * t!, o! + r * u!);
    },
  );
}

/** The same through {@link SimdProducts}: operands are packed row by row, padded with zeros. */
function simdMatmulInto(out: CpuArray, a: CpuArray, b: CpuArray, simd: SimdProducts): void {
  const [M, N, K] = [out.shape.at(-2)!, out.shape.at(-1)!, a.shape.at(-1)!];
  const [rows, depth] = [Math.ceil(M / 2) * 2, Math.ceil(K / 4) * 4];
  const [aRow, aInner] = [a.strides.at(-2)!, a.strides.at(-1)!];
  const [bInner, bRow] = [b.strides.at(-2)!, b.strides.at(-1)!];
  const source = a.storage.data as Float32Array;
  const result = out.storage.data as Float32Array;
  forEachMatrix(out, a, b, (aStart, bStart, outStart) => {
    const packed = simd.reserve(rows, Math.min(simdPanel, Math.ceil(N / 4) * 4), depth).a;
    if (depth > K || rows > M) packed.fill(0);
    for (let m = 0; m < M; m++) {
      const from = aStart + m * aRow;
      if (aInner === 1) packed.set(source.subarray(from, from + K), m * depth);
      else for (let k = 0; k < K; k++) packed[m * depth + k] = source[from + k * aInner]!;
    }
    for (let n = 0; n < N; n += simdPanel) {
      const used = Math.min(simdPanel, N - n);
      const columns = Math.ceil(used / 4) * 4;
      const { b: panelOfB, words, out: products } = simd.reserve(rows, columns, depth);
      if (depth > K || columns > used) panelOfB.fill(0);
      for (let c = 0; c < used; c++) loadColumn(panelOfB, words, c * depth, b, bStart + (n + c) * bRow, bInner, K);
      simd.multiply(rows, columns, depth);
      for (let m = 0; m < M; m++) result.set(products.subarray(m * columns, m * columns + used), outStart + m * N + n);
    }
  });
}

function allocate(wide: boolean, size: number): Reals {
  return wide ? new Float64Array(size) : new Float32Array(size);
}

/** Copies one column of the right operand as numbers; `words` are the bits of `target`, when it is single precision. */
function loadColumn(
  target: Reals,
  words: Uint32Array | undefined,
  at: number,
  b: CpuArray,
  start: number,
  stride: number,
  K: number,
): void {
  const { data } = b.storage;
  if (b.dtype === 'bf16' && words) {
    const halves = data as Uint16Array;
    for (let k = 0; k < K; k++) words[at + k] = halves[start + k * stride]! << 16;
    return;
  }
  if (b.dtype === 'f16' || b.dtype === 'bf16') {
    if (stride === 1) unpackHalf(b.dtype, data as Uint16Array, start, target, at, K);
    else for (let k = 0; k < K; k++) unpackHalf(b.dtype, data as Uint16Array, start + k * stride, target, at + k, 1);
    return;
  }
  if (stride === 1) target.set((data as Reals).subarray(start, start + K), at);
  else for (let k = 0; k < K; k++) target[at + k] = data[start + k * stride]!;
}

/** `out[m, n] = Σ_k a[m, k] · b[n, k]`, 4 × 4 results at a time so that each load is used four times. */
function dotProducts(
  out: Reals,
  o: number,
  ldo: number,
  a: Reals,
  ai: number,
  lda: number,
  b: Reals,
  bi: number,
  ldb: number,
  M: number,
  N: number,
  K: number,
): void {
  let m = 0;
  for (; m + 4 <= M; m += 4) {
    const a0 = ai + m * lda;
    const a1 = a0 + lda;
    const a2 = a1 + lda;
    const a3 = a2 + lda;
    let n = 0;
    for (; n + 4 <= N; n += 4) {
      const b0 = bi + n * ldb;
      const b1 = b0 + ldb;
      const b2 = b1 + ldb;
      const b3 = b2 + ldb;
      let c00 = 0, c01 = 0, c02 = 0, c03 = 0, c10 = 0, c11 = 0, c12 = 0, c13 = 0; // prettier-ignore
      let c20 = 0, c21 = 0, c22 = 0, c23 = 0, c30 = 0, c31 = 0, c32 = 0, c33 = 0; // prettier-ignore
      for (let k = 0; k < K; k++) {
        const x0 = a[a0 + k]!;
        const x1 = a[a1 + k]!;
        const x2 = a[a2 + k]!;
        const x3 = a[a3 + k]!;
        const y0 = b[b0 + k]!;
        const y1 = b[b1 + k]!;
        const y2 = b[b2 + k]!;
        const y3 = b[b3 + k]!;
        c00 += x0 * y0;
        c01 += x0 * y1;
        c02 += x0 * y2;
        c03 += x0 * y3; // prettier-ignore
        c10 += x1 * y0;
        c11 += x1 * y1;
        c12 += x1 * y2;
        c13 += x1 * y3; // prettier-ignore
        c20 += x2 * y0;
        c21 += x2 * y1;
        c22 += x2 * y2;
        c23 += x2 * y3; // prettier-ignore
        c30 += x3 * y0;
        c31 += x3 * y1;
        c32 += x3 * y2;
        c33 += x3 * y3; // prettier-ignore
      }
      const r = o + m * ldo + n;
      out[r] = c00;
      out[r + 1] = c01;
      out[r + 2] = c02;
      out[r + 3] = c03; // prettier-ignore
      out[r + ldo] = c10;
      out[r + ldo + 1] = c11;
      out[r + ldo + 2] = c12;
      out[r + ldo + 3] = c13; // prettier-ignore
      out[r + 2 * ldo] = c20;
      out[r + 2 * ldo + 1] = c21;
      out[r + 2 * ldo + 2] = c22;
      out[r + 2 * ldo + 3] = c23; // prettier-ignore
      out[r + 3 * ldo] = c30;
      out[r + 3 * ldo + 1] = c31;
      out[r + 3 * ldo + 2] = c32;
      out[r + 3 * ldo + 3] = c33; // prettier-ignore
    }
    for (; n < N; n++) {
      const b0 = bi + n * ldb;
      let c0 = 0, c1 = 0, c2 = 0, c3 = 0; // prettier-ignore
      for (let k = 0; k < K; k++) {
        const y = b[b0 + k]!;
        c0 += a[a0 + k]! * y;
        c1 += a[a1 + k]! * y;
        c2 += a[a2 + k]! * y;
        c3 += a[a3 + k]! * y;
      }
      const r = o + m * ldo + n;
      out[r] = c0;
      out[r + ldo] = c1;
      out[r + 2 * ldo] = c2;
      out[r + 3 * ldo] = c3;
    }
  }
  for (; m < M; m++) {
    const a0 = ai + m * lda;
    let n = 0;
    for (; n + 4 <= N; n += 4) {
      const b0 = bi + n * ldb;
      const b1 = b0 + ldb;
      const b2 = b1 + ldb;
      const b3 = b2 + ldb;
      let c0 = 0, c1 = 0, c2 = 0, c3 = 0; // prettier-ignore
      for (let k = 0; k < K; k++) {
        const x = a[a0 + k]!;
        c0 += x * b[b0 + k]!;
        c1 += x * b[b1 + k]!;
        c2 += x * b[b2 + k]!;
        c3 += x * b[b3 + k]!;
      }
      const r = o + m * ldo + n;
      out[r] = c0;
      out[r + 1] = c1;
      out[r + 2] = c2;
      out[r + 3] = c3; // prettier-ignore
    }
    for (; n < N; n++) {
      let c = 0;
      const b0 = bi + n * ldb;
      for (let k = 0; k < K; k++) c += a[a0 + k]! * b[b0 + k]!;
      out[o + m * ldo + n] = c;
    }
  }
}
