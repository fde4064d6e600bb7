import type { ParamSpec } from '@tessera/plugin';
import { sizeOf } from '@tessera/tensor-core';
import { Draw } from './draw.ts';

/**
 * Numbers for one learned tensor: its initialiser and a perturbation, so that nothing hides behind weights of zero or one.
 * Row-major.
 */
export function drawParameter(name: string, { shape, init }: ParamSpec, seed: number): Float32Array {
  const draw = new Draw(seed, `parameter ${name}`);
  const size = sizeOf(shape);
  switch (init.kind) {
    case 'normal':
      return draw.normals(size, init.std === 0 ? 0.1 : init.std);
    case 'uniform':
      return Float32Array.from({ length: size }, () => init.low + (init.high - init.low) * draw.uniform());
    case 'constant':
      return Float32Array.from({ length: size }, () => init.value + 0.2 * draw.normal());
    case 'custom': {
      const drawn = init.values(Float32Array.from({ length: size }, () => draw.uniform()));
      return Float32Array.from(drawn, (value) => value + 0.1 * draw.normal());
    }
  }
}
