import { isPacked, sizeOf } from '@tessera/tensor-core';
import { Emitter, shader, stored } from '../codegen/emitter.ts';
import type { Region } from '../codegen/region.ts';
import { grid, groupNumber } from '../compile/dispatch.ts';
import type { Dispatch } from '../compile/dispatch.ts';

const workgroup = 64;

/** Writes every element of a value: of its expression, or of its buffer when the region has one for it. */
export function mapDispatch(region: Region, value: number): Dispatch {
  const { shape, dtype } = region.types[value]!;
  const size = sizeOf(shape);
  const emitter = new Emitter(region);
  const pairs = isPacked(dtype);
  const count = pairs ? Math.ceil(size / 2) : size;
  const start = emitter.name(`(${groupNumber}) * ${workgroup}u + lane`, 'e');
  emitter.line(`if (${start} >= ${count}u) { return; }`);
  if (pairs) {
    const element = (index: string): string => emitter.element(value, emitter.coordinates(index, shape));
    const low = emitter.name(element(emitter.name(`${start} * 2u`, 'i')));
    const high = size === 1 ? '0.0' : emitter.name(element(emitter.name(`min(${start} * 2u + 1u, ${size - 1}u)`, 'i')));
    emitter.line(
      `o0[${start}] = ${dtype === 'f16' ? `pack2x16float(vec2f(${low}, ${high}))` : `bf16_bits(${low}) | (bf16_bits(${high}) << 16u)`};`,
    );
  } else {
    const code = stored(emitter.element(value, emitter.coordinates(start, shape)), dtype);
    emitter.line(`o0[${start}] = ${code};`);
  }
  const reads = emitter.reads;
  return {
    label: 'map',
    source: shader({ region, reads, writes: [dtype], body: emitter.take(), workgroup }),
    bindings: [...reads.map((read) => ({ value: read, write: false })), { value, write: true }],
    grid: grid(Math.ceil(count / workgroup)),
  };
}
