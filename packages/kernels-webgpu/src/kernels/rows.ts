import type { GraphNode } from '@tessera/tensor-core';
import { sizeOf } from '@tessera/tensor-core';
import { Emitter, stored } from '../codegen/emitter.ts';
import type { Region } from '../codegen/region.ts';
import { bindingsOf } from '../codegen/shader.ts';
import type { Dispatch } from '../compile/dispatch.ts';

const workgroup = 64;

/** Writes rows over a buffer that already holds the base: each invocation one element of the updates. */
export function scatterSetDispatch(region: Region, node: GraphNode): Dispatch {
  const { batchDims } = node.attributes as { batchDims: number };
  const [, index, updates] = node.inputs as [number, number, number];
  const [target] = node.outputs as [number];
  const { shape, dtype } = region.types[target]!;
  const wide = region.types[updates]!.shape;
  const rank = region.types[index]!.shape.length;
  const size = sizeOf(wide);
  const emitter = new Emitter(region);
  const e = emitter.name(`number * ${workgroup}u + lane`, 'e');
  emitter.line(`if (${e} >= ${size}u) { return; }`);
  const at = emitter.coordinates(e, wide);
  const row = emitter.element(index, at.slice(0, rank));
  emitter.line(`if (${row} < 0i || ${row} >= ${shape[batchDims]}i) { return; }`);
  const place = emitter.name(
    emitter.linear([...at.slice(0, batchDims), emitter.name(`u32(${row})`, 'c'), ...at.slice(rank)], shape),
    'index',
  );
  emitter.line(`o0[${place}] = ${stored(emitter.element(updates, at), dtype)};`);
  const reads = emitter.reads;
  return {
    shader: {
      label: 'scatter set',
      workgroup,
      workgroups: Math.ceil(size / workgroup),
      bindings: bindingsOf(region, reads, [dtype]),
      body: emitter.take(),
    },
    values: [...reads, target],
  };
}

/** Running sums: each invocation walks one line. */
export function cumsumDispatch(region: Region, node: GraphNode): Dispatch {
  const { axis, reverse, exclusive } = node.attributes as { axis: number; reverse: boolean; exclusive: boolean };
  const [input] = node.inputs as [number];
  const [target] = node.outputs as [number];
  const { shape, dtype } = region.types[target]!;
  const lines = shape.toSpliced(axis, 1);
  const extent = shape[axis]!;
  const emitter = new Emitter(region);
  const e = emitter.name(`number * ${workgroup}u + lane`, 'e');
  emitter.line(`if (${e} >= ${sizeOf(lines)}u) { return; }`);
  const outer = emitter.coordinates(e, lines);
  emitter.line(`var total = ${dtype === 'f32' ? '0.0f' : dtype === 'i32' ? '0i' : '0u'};`);
  const head = emitter.take();
  const at = outer.toSpliced(axis, 0, 'k');
  emitter.line(`let x = ${emitter.element(input, at)};`);
  const place = emitter.name(emitter.linear(at, shape), 'index');
  emitter.line(exclusive ? `o0[${place}] = total; total += x;` : `total += x; o0[${place}] = total;`);
  const body = `${head}
  for (var s = 0u; s < ${extent}u; s++) {
    let k = ${reverse ? `${extent - 1}u - s` : 's'};
    ${emitter.take()}
  }`;
  const reads = emitter.reads;
  return {
    shader: {
      label: 'cumsum',
      workgroup,
      workgroups: Math.ceil(sizeOf(lines) / workgroup),
      bindings: bindingsOf(region, reads, [dtype]),
      body,
    },
    values: [...reads, target],
  };
}

/** Sorting by counting: the place of an element is the number of those before it. Stable, quadratic in the length of a line. */
export function sortDispatch(region: Region, node: GraphNode): Dispatch {
  const { descending } = node.attributes as { descending: boolean };
  const [input] = node.inputs as [number];
  const [values, indices] = node.outputs as [number, number];
  const { shape, dtype } = region.types[values]!;
  const extent = shape.at(-1)!;
  const size = sizeOf(shape);
  const emitter = new Emitter(region);
  const e = emitter.name(`number * ${workgroup}u + lane`, 'e');
  emitter.line(`if (${e} >= ${size}u) { return; }`);
  const at = emitter.coordinates(e, shape);
  emitter.line(`let x = ${emitter.element(input, at)};`);
  emitter.line(`var place = 0u;`);
  const head = emitter.take();
  emitter.line(`let y = ${emitter.element(input, at.with(-1, 'k'))};`);
  const body = `${head}
  for (var k = 0u; k < ${extent}u; k++) {
    ${emitter.take()}
    if (y ${descending ? '>' : '<'} x || (y == x && k < ${at.at(-1)})) { place++; }
  }
  let to = ${e} - ${at.at(-1)} + place;
  o0[to] = x;
  o1[to] = i32(${at.at(-1)});`;
  const reads = emitter.reads;
  return {
    shader: {
      label: 'sort',
      workgroup,
      workgroups: Math.ceil(size / workgroup),
      bindings: bindingsOf(region, reads, [dtype, 'i32']),
      body,
    },
    values: [...reads, values, indices],
  };
}
