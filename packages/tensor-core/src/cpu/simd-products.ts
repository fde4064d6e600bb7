import { simdModule } from './simd-module.ts';

/** Products of matrices with four numbers at a time. Reads and writes its own memory. */
export interface SimdProducts {
  /** Views of the two operands and the result, rows padded with zeros by the caller: `[rows, K]`, `[columns, K]`, `[rows, columns]`. */
  reserve(
    rows: number,
    columns: number,
    K: number,
  ): { readonly a: Float32Array; readonly b: Float32Array; readonly words: Uint32Array; readonly out: Float32Array };
  /** Multiplies what was written into the views of the last {@link SimdProducts.reserve}. */
  multiply(rows: number, columns: number, K: number): void;
}

let products: SimdProducts | undefined | 'unavailable';

/** The multiplier, or nothing where WebAssembly is missing, forbidden by a content security policy, or lacks SIMD. */
export function simdProducts(): SimdProducts | undefined {
  products ??= instantiate() ?? 'unavailable';
  return products === 'unavailable' ? undefined : products;
}

const page = 65_536;

function instantiate(): SimdProducts | undefined {
  let exports: { readonly memory: WebAssembly.Memory; readonly multiply: (...values: number[]) => void };
  try {
    exports = new WebAssembly.Instance(new WebAssembly.Module(simdModule())).exports as typeof exports;
  } catch {
    return undefined;
  }
  const { memory, multiply } = exports;
  return {
    reserve(rows, columns, K) {
      const sizes = [rows * K, columns * K, rows * columns] as const;
      const bytes = 4 * (sizes[0] + sizes[1] + sizes[2]);
      const missing = bytes - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / page));
      return {
        a: new Float32Array(memory.buffer, 0, sizes[0]),
        b: new Float32Array(memory.buffer, 4 * sizes[0], sizes[1]),
        words: new Uint32Array(memory.buffer, 4 * sizes[0], sizes[1]),
        out: new Float32Array(memory.buffer, 4 * (sizes[0] + sizes[1]), sizes[2]),
      };
    },
    multiply: (rows, columns, K) => multiply(0, 4 * rows * K, 4 * (rows + columns) * K, rows, columns, K),
  };
}
