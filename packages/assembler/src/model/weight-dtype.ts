import type { ParamSpec } from '@tessera/plugin';
import type { DType, HostArray, TensorType } from '@tessera/tensor-core';
import { UnsupportedOptionError, bytesPerElement, packHalf, sizeOf } from '@tessera/tensor-core';

/** How weights are stored, as users name it. `auto`: as in the checkpoint. */
export type WeightDtype = 'auto' | 'fp32' | 'f32' | 'fp16' | 'f16' | 'bf16';

/** How weights are kept in the end. */
export type KeptDtype = 'fp32' | 'fp16' | 'bf16';

const storage: Readonly<Record<Exclude<WeightDtype, 'auto'>, 'f32' | 'f16' | 'bf16'>> = {
  fp32: 'f32',
  f32: 'f32',
  fp16: 'f16',
  f16: 'f16',
  bf16: 'bf16',
};

/**
 * Reads the `dtype` option.
 * @throws {@link UnsupportedOptionError} for one that is not known, or not honoured yet
 */
export function checkWeightDtype(dtype: string): WeightDtype {
  if (dtype === 'auto' || Object.hasOwn(storage, dtype)) return dtype as WeightDtype;
  throw new UnsupportedOptionError(
    `dtype is '${dtype}', expected one of 'auto', 'fp32', 'fp16', 'bf16'. Quantised weights are not honoured yet.`,
    { facts: { option: 'dtype', value: dtype } },
  );
}

/** Element type in which a parameter is kept: matrices as asked, everything small or precise in f32. */
export function storageOf(spec: ParamSpec, dtype: WeightDtype, published: DType = 'f32'): 'f32' | 'f16' | 'bf16' {
  if (spec.shape.length < 2 || spec.precise) return 'f32';
  if (dtype !== 'auto') return storage[dtype];
  return published === 'f16' || published === 'bf16' ? published : 'f32';
}

const names = { f32: 'fp32', f16: 'fp16', bf16: 'bf16' } as const;

/** How the matrices of a model are kept, by its name for users: of several, the one that most of their bytes have. */
export function keptDtype(params: Readonly<Record<string, TensorType>>): KeptDtype {
  const bytes = new Map<KeptDtype, number>();
  for (const { dtype, shape } of Object.values(params)) {
    if (shape.length < 2 || !Object.hasOwn(names, dtype)) continue;
    const name = names[dtype as keyof typeof names];
    bytes.set(name, (bytes.get(name) ?? 0) + sizeOf(shape) * bytesPerElement(dtype));
  }
  return [...bytes].reduce((most, next) => (next[1] > most[1] ? next : most), ['fp32', 0] as [KeptDtype, number])[0];
}

/** Bytes of a parameter so kept. */
export function parameterBytes(spec: ParamSpec, dtype: 'f32' | 'f16' | 'bf16'): number {
  return sizeOf(spec.shape) * bytesPerElement(dtype);
}

/** Numbers in the form of an element type. */
export function toStorage(values: Float32Array, dtype: 'f32' | 'f16' | 'bf16'): HostArray {
  return dtype === 'f32' ? values : packHalf(dtype, values);
}
