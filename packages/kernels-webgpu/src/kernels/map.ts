import { isPacked, sizeOf } from '@tessera/tensor-core';
import { Emitter, stored } from '../codegen/emitter.ts';
import { packedPair } from '../codegen/region.ts';
import type { Region } from '../codegen/region.ts';
import { bindingsOf } from '../codegen/shader.ts';
import type { Dispatch } from '../compile/dispatch.ts';
import { wideMap } from './wide-map.ts';

const workgroup = 64;

/** Writes every element of a value: of its expression, or of its buffer when the region has one for it. */
export function mapDispatch(region: Region, value: number): Dispatch {
  const wide = wideMap(region, value);
  if (wide) return wide;
  const { shape, dtype } = region.types[value]!;
  const size = sizeOf(shape);
  const emitter = new Emitter(region);
  const pairs = isPacked(dtype);
  const elements = pairs ? Math.ceil(size / 2) : size;
  const start = emitter.name(`number * ${workgroup}u + lane`, 'e');
  emitter.line(`if (${start} >= ${elements}u) { return; }`);
  if (pairs) {
    const element = (index: string): string => emitter.element(value, emitter.coordinates(index, shape));
    const low = emitter.name(element(emitter.name(`${start} * 2u`, 'index')));
    const high =
      size === 1 ? '0.0' : emitter.name(element(emitter.name(`min(${start} * 2u + 1u, ${size - 1}u)`, 'index')));
    emitter.line(`o0[${start}] = ${packedPair(dtype as 'f16' | 'bf16', low, high)};`);
  } else {
    const code = stored(emitter.element(value, emitter.coordinates(start, shape)), dtype);
    emitter.line(`o0[${start}] = ${code};`);
  }
  const reads = emitter.reads;
  return {
    shader: {
      label: 'map',
      workgroup,
      workgroups: Math.ceil(elements / workgroup),
      bindings: bindingsOf(region, reads, [dtype]),
      body: emitter.take(),
    },
    values: [...reads, value],
  };
}
