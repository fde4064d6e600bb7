import type { DType } from '@tessera/tensor-core';
import { isPacked, sizeOf } from '@tessera/tensor-core';
import { Emitter, stored } from '../codegen/emitter.ts';
import { literalOf, packedPair, storedAs } from '../codegen/region.ts';
import type { Region } from '../codegen/region.ts';
import type { Dispatch } from '../compile/dispatch.ts';

const workgroup = 256;
/** Below this many elements a map is bound by being started. */
const least = 2 ** 14;

const elementwise = new Set(
  ['unary', 'binary', 'compare', 'where', 'cast', 'stop-gradient', 'reshape'].map(
    (name) => `@tessera/tensor-core:${name}`,
  ),
);

/**
 * A large map whose every operand lies as its result does: four elements an invocation, sixteen bytes a load and store.
 * @returns undefined where it is no such map
 */
export function wideMap(region: Region, value: number): Dispatch | undefined {
  const { shape, dtype } = region.types[value]!;
  const size = sizeOf(shape);
  if (size < least || size % 4 !== 0) return undefined;
  const leaves = flatLeaves(region, value, size);
  if (!leaves) return undefined;
  const quads = size / 4;
  const lines = [`let e = number * ${workgroup}u + lane;`, `if (e >= ${quads}u) { return; }`];
  leaves.forEach((leaf, i) => lines.push(`let w${i} = f${i}[e];`));
  const results: string[] = [];
  let reads: readonly number[] = [];
  // One emitter for each of the four, which read other leaves (single numbers) in the same order.
  for (let j = 0; j < 4; j++) {
    const given = new Map(leaves.map((leaf, i) => [leaf, partOf(region.types[leaf]!.dtype, `w${i}`, j)]));
    const emitter = new Emitter(region, { given, binding: 'b', local: `q${j}_` });
    const code = leaves.includes(value)
      ? given.get(value)!
      : emitter.element(
          value,
          shape.map(() => '0u'),
        );
    results.push(emitter.name(code));
    reads = emitter.reads;
    lines.push(emitter.take());
  }
  const whole = isPacked(dtype)
    ? `vec2u(${packedPair(dtype as 'f16', results[0]!, results[1]!)}, ${packedPair(dtype as 'f16', results[2]!, results[3]!)})`
    : `vec4<${storedAs(dtype)}>(${results.map((result) => stored(result, dtype)).join(', ')})`;
  lines.push(`o0[e] = ${whole};`);
  return {
    shader: {
      label: 'map by 16 bytes',
      workgroup,
      workgroups: Math.ceil(quads / workgroup),
      bindings: [
        ...leaves.map((leaf, i) => ({ name: `f${i}`, element: quad(region.types[leaf]!.dtype), write: false })),
        ...reads.map((read, i) => ({ name: `b${i}`, element: storedAs(region.types[read]!.dtype), write: false })),
        { name: 'o0', element: quad(dtype), write: true },
      ],
      body: lines.join('\n  '),
    },
    values: [...leaves, ...reads, value],
  };
}

/** The stored values that an expression reads element by element, or undefined when it reads others, or otherwise. */
function flatLeaves(region: Region, value: number, size: number): number[] | undefined {
  const { graph, types, makers } = region;
  const leaves = new Set<number>();
  const seen = new Set<number>();
  const visit = (current: number): boolean => {
    if (seen.has(current) || literalOf(graph, current) !== undefined) return true;
    seen.add(current);
    const elements = sizeOf(types[current]!.shape);
    if (region.isStored(current)) {
      if (elements === size) leaves.add(current);
      return elements === size || elements === 1;
    }
    const node = makers[current]!;
    return (elements === size || elements === 1) && elementwise.has(node.op.id) && node.inputs.every(visit);
  };
  return visit(value) ? [...leaves] : undefined;
}

function quad(dtype: DType): string {
  return isPacked(dtype) ? 'vec2u' : `vec4<${storedAs(dtype)}>`;
}

/** Element `j` of four. */
function partOf(dtype: DType, name: string, j: number): string {
  if (dtype === 'f16') return `unpack2x16float(${name}[${j >> 1}])[${j % 2}]`;
  if (dtype === 'bf16')
    return j % 2 === 0 ? `bitcast<f32>(${name}[${j >> 1}] << 16u)` : `bitcast<f32>(${name}[${j >> 1}] & 0xffff0000u)`;
  return dtype === 'bool' ? `(${name}[${j}] != 0u)` : `${name}[${j}]`;
}
