import type { Initializer, ParamSpec } from '@tessera/plugin';
import {
  CpuDevice,
  foldKey,
  fromHost,
  randomNormal,
  randomUniform,
  read,
  sizeOf,
  threefry,
} from '@tessera/tensor-core';

/**
 * First value of a parameter: drawn on the CPU from the seed and the parameter's path, so that it depends neither on the
 * device nor on the other parameters.
 */
export async function initialWeights(path: string, spec: ParamSpec, seed: number): Promise<Float32Array> {
  const size = sizeOf(spec.shape);
  const { init } = spec;
  if (init.kind === 'constant') return new Float32Array(size).fill(init.value);
  let words: [number, number] = foldKey([seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0], 0);
  for (const character of path) words = threefry(words[0], words[1], character.codePointAt(0)!, 0);
  const key = fromHost(Uint32Array.from(words), [2], 'u32');
  // Nothing is multiplied here, so a page whose policy forbids WebAssembly is not asked for it.
  const device = new CpuDevice({ simd: false });
  if (init.kind === 'normal') return scaled(await read(randomNormal(key, [size]), device), init);
  const uniform = (await read(randomUniform(key, [size]), device)) as Float32Array;
  return init.kind === 'custom' ? Float32Array.from(init.values(uniform)) : scaled(uniform, init);
}

function scaled(draws: ArrayLike<number>, init: Exclude<Initializer, { kind: 'constant' | 'custom' }>): Float32Array {
  return Float32Array.from(draws, (draw) =>
    init.kind === 'normal' ? draw * init.std : init.low + draw * (init.high - init.low),
  );
}
