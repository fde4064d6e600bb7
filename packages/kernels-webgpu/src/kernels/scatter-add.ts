import type { GraphNode } from '@tessera/tensor-core';
import { sizeOf } from '@tessera/tensor-core';
import { Emitter } from '../codegen/emitter.ts';
import type { Region } from '../codegen/region.ts';
import { bindingsOf } from '../codegen/shader.ts';
import type { Dispatch } from '../compile/dispatch.ts';

const workgroup = 64;
/** From so many elements a row and rows in the index on, a workgroup looks for the rows of one result. */
const leastRow = 32;
const leastIndex = 64;

/** Adds rows in the order of the index, so that nothing is left to chance and no float is added atomically. */
export function scatterAddDispatch(region: Region, node: GraphNode): Dispatch {
  const { batchDims } = node.attributes as { batchDims: number };
  const [base, index] = node.inputs as [number, number, number];
  const row = region.types[base]!.shape.slice(batchDims + 1);
  const indices = region.types[index]!.shape.slice(batchDims);
  return sizeOf(row) >= leastRow && sizeOf(indices) >= leastIndex ? byRows(region, node) : byElements(region, node);
}

/** A workgroup owns one row of the result: it looks through the index together and adds what it finds, each lane its columns. */
function byRows(region: Region, node: GraphNode): Dispatch {
  const { batchDims } = node.attributes as { batchDims: number };
  const [base, index, updates] = node.inputs as [number, number, number];
  const [target] = node.outputs as [number];
  const { shape, dtype } = region.types[target]!;
  const inner = region.types[index]!.shape.slice(batchDims);
  const lines = shape.slice(0, batchDims + 1);
  const row = shape.slice(batchDims + 1);
  const threads = sizeOf(row) >= 256 ? 256 : workgroup;
  const count = sizeOf(inner);
  const emitter = new Emitter(region);
  const own = emitter.name(`min(number, ${sizeOf(lines) - 1}u)`, 'e');
  const at = emitter.coordinates(own, lines);
  const batch = at.slice(0, batchDims);
  const first = emitter.name(`${own} * ${sizeOf(row)}u`, 'e');
  const head = emitter.take();
  const copied = emitter.element(base, [...at, ...emitter.coordinates('c', row)]);
  const copy = `${emitter.take()} o0[${first} + c] = ${copied};`;
  const found = emitter.element(index, [...batch, ...emitter.coordinates('k', inner)]);
  const look = `${emitter.take()} if (${found} == i32(${at[batchDims]})) { atomicOr(&found_bits[lane / 32u], 1u << (lane % 32u)); }`;
  const added = emitter.element(updates, [
    ...batch,
    ...emitter.coordinates('k', inner),
    ...emitter.coordinates('c', row),
  ]);
  const add = `${emitter.take()} o0[${first} + c] += ${added};`;
  const columns = (line: string): string => `for (var c = lane; c < ${sizeOf(row)}u; c += ${threads}u) { ${line} }`;
  const words = threads / 32;
  const body = `${head}
  if (number < ${sizeOf(lines)}u) { ${columns(copy)} }
  for (var k0 = 0u; k0 < ${count}u; k0 += ${threads}u) {
    if (lane < ${words}u) { atomicStore(&found_bits[lane], 0u); }
    workgroupBarrier();
    { let k = k0 + lane; if (k < ${count}u) { ${look} } }
    workgroupBarrier();
    for (var word = 0u; word < ${words}u; word++) {
      var bits = atomicLoad(&found_bits[word]);
      while (bits != 0u) {
        let k = k0 + word * 32u + countTrailingZeros(bits);
        bits &= bits - 1u;
        if (number < ${sizeOf(lines)}u) { ${columns(add)} }
      }
    }
    workgroupBarrier();
  }`;
  const reads = emitter.reads;
  return {
    shader: {
      label: 'scatter add by rows',
      workgroup: threads,
      workgroups: sizeOf(lines),
      bindings: bindingsOf(region, reads, [dtype]),
      shared: { found_bits: `array<atomic<u32>, ${words}>` },
      body,
    },
    values: [...reads, target],
  };
}

/** Each invocation owns one element of the result and looks through the index. */
function byElements(region: Region, node: GraphNode): Dispatch {
  const { batchDims } = node.attributes as { batchDims: number };
  const [base, index, updates] = node.inputs as [number, number, number];
  const [target] = node.outputs as [number];
  const { shape, dtype } = region.types[target]!;
  const indexShape = region.types[index]!.shape;
  const inner = indexShape.slice(batchDims);
  const emitter = new Emitter(region);
  const e = emitter.name(`number * ${workgroup}u + lane`, 'e');
  emitter.line(`if (${e} >= ${sizeOf(shape)}u) { return; }`);
  const at = emitter.coordinates(e, shape);
  const batch = at.slice(0, batchDims);
  emitter.line(`var total = ${emitter.element(base, at)};`);
  const head = emitter.take();
  const where = emitter.coordinates('k', inner);
  const row = emitter.element(index, [...batch, ...where]);
  const choose = emitter.take();
  emitter.line(`total += ${emitter.element(updates, [...batch, ...where, ...at.slice(batchDims + 1)])};`);
  const body = `${head}
  for (var k = 0u; k < ${sizeOf(inner)}u; k++) {
    ${choose}
    if (${row} == i32(${at[batchDims]})) { ${emitter.take()} }
  }
  o0[${e}] = total;`;
  const reads = emitter.reads;
  return {
    shader: {
      label: 'scatter add',
      workgroup,
      workgroups: Math.ceil(sizeOf(shape) / workgroup),
      bindings: bindingsOf(region, reads, [dtype]),
      body,
    },
    values: [...reads, target],
  };
}
