import { isPacked, sizeOf } from '@tessera/tensor-core';
import { Emitter, shader, stored } from '../codegen/emitter.ts';
import type { Region } from '../codegen/region.ts';
import { grid, groupNumber } from '../compile/dispatch.ts';
import type { Dispatch } from '../compile/dispatch.ts';

const workgroup = 64;

/** Computes every element of a value from its expression. `source` is the value that is computed, `target` what is written. */
export function mapDispatch(region: Region, source: number, target: number, targetOffset?: string): Dispatch {
  const { shape, dtype } = region.types[target]!;
  const size = sizeOf(shape);
  const emitter = new Emitter(region);
  const pairs = isPacked(dtype);
  const count = pairs ? Math.ceil(size / 2) : size;
  const start = emitter.name(`(${groupNumber}) * ${workgroup}u + lane`, 'e');
  emitter.line(`if (${start} >= ${count}u) { return; }`);
  if (pairs) {
    const element = (index: string): string => emitter.element(source, emitter.coordinates(index, shape));
    const low = emitter.name(element(emitter.name(`${start} * 2u`, 'i')));
    const high = size === 1 ? '0.0' : emitter.name(element(emitter.name(`min(${start} * 2u + 1u, ${size - 1}u)`, 'i')));
    emitter.line(
      `o0[${start}] = ${dtype === 'f16' ? `pack2x16float(vec2f(${low}, ${high}))` : `bf16_bits(${low}) | (bf16_bits(${high}) << 16u)`};`,
    );
  } else {
    const code = stored(emitter.element(source, emitter.coordinates(start, shape)), dtype);
    emitter.line(`o0[${targetOffset === undefined ? start : `${targetOffset} + ${start}`}] = ${code};`);
  }
  const reads = emitter.reads;
  return {
    label: 'map',
    source: shader({ region, reads, writes: [dtype], body: emitter.take(), workgroup }),
    bindings: [...reads.map((value) => ({ value, write: false })), { value: target, write: true }],
    grid: grid(Math.ceil(count / workgroup)),
  };
}
