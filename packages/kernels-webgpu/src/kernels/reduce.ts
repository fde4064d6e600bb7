import type { GraphNode, ReduceAttributes, Reduction } from '@tessera/tensor-core';
import { sizeOf } from '@tessera/tensor-core';
import { Emitter } from '../codegen/emitter.ts';
import { scalarOf } from '../codegen/region.ts';
import type { Region, Scalar } from '../codegen/region.ts';
import { bindingsOf } from '../codegen/shader.ts';
import type { Dispatch } from '../compile/dispatch.ts';

/** From this many elements on, a workgroup shares the work of one result. */
const shared = 128;
const workgroup = 64;

const start: Readonly<Record<'sum' | 'max' | 'min', Readonly<Record<Exclude<Scalar, 'bool'>, string>>>> = {
  sum: { f32: '0.0f', i32: '0i', u32: '0u' },
  max: { f32: 'bitcast<f32>(0xff800000u | runtime_zero())', i32: '(-2147483647i - 1i)', u32: '0u' },
  min: { f32: 'bitcast<f32>(0x7f800000u | runtime_zero())', i32: '2147483647i', u32: '4294967295u' },
};

/** Joins the elements of an expression along axes. */
export function reduceDispatch(region: Region, node: GraphNode): Dispatch {
  const { fn, axes } = node.attributes as ReduceAttributes;
  const [input] = node.inputs as [number];
  const [target] = node.outputs as [number];
  const { shape, dtype } = region.types[input]!;
  const out = region.types[target]!;
  const scalar = scalarOf(dtype) as Exclude<Scalar, 'bool'>;
  const inner = axes.map((axis) => shape[axis]!);
  const count = sizeOf(inner);
  const together = count >= shared;
  const emitter = new Emitter(region);
  const result = emitter.name(together ? 'number' : `number * ${workgroup}u + lane`, 'e');
  if (!together) emitter.line(`if (${result} >= ${sizeOf(out.shape)}u) { return; }`);
  const outer = emitter.coordinates(
    together ? emitter.name(`min(${result}, ${Math.max(1, sizeOf(out.shape)) - 1}u)`, 'e') : result,
    out.shape,
  );
  const head = emitter.take();
  const within = emitter.coordinates('k', inner);
  const coordinates = shape.map((_, axis) => (axes.includes(axis) ? within[axes.indexOf(axis)]! : outer[axis]!));
  emitter.line(`let x = ${emitter.element(input, coordinates)};`);
  const element = emitter.take();
  const index = fn === 'argmax' || fn === 'argmin';
  const kind = fn === 'argmax' ? 'max' : fn === 'argmin' ? 'min' : fn;
  const join = joinCode(fn);
  const step = together ? `${workgroup}u` : '1u';
  const body = `${head}
  var best = ${start[kind][scalar]};
  ${index ? 'var at = 0xffffffffu;' : ''}
  for (var k = ${together ? 'lane' : '0u'}; k < ${count}u; k += ${step}) {
    ${element}
    ${index ? `if (${fn === 'argmax' ? 'x > best' : 'x < best'} || at == 0xffffffffu) { best = x; at = k; }` : `best = ${join('best', 'x')};`}
  }
  ${together ? shareCode(index, fn, join) : ''}
  ${together ? `if (lane == 0u && ${result} < ${sizeOf(out.shape)}u) {` : '{'} o0[${result}] = ${index ? 'i32(at)' : 'best'}; }`;
  const reads = emitter.reads;
  return {
    shader: {
      label: fn,
      workgroup,
      workgroups: together ? sizeOf(out.shape) : Math.ceil(sizeOf(out.shape) / workgroup),
      bindings: bindingsOf(region, reads, [out.dtype]),
      ...(together && {
        shared: {
          bests: `array<${scalar}, ${workgroup}>`,
          ...(index && { ats: `array<u32, ${workgroup}>` }),
        },
      }),
      body,
    },
    values: [...reads, target],
  };
}

function joinCode(fn: Reduction): (a: string, b: string) => string {
  return fn === 'sum'
    ? (a, b) => `${a} + ${b}`
    : (a, b) => `${fn === 'max' || fn === 'argmax' ? 'max' : 'min'}(${a}, ${b})`;
}

/** A tree over the workgroup; ties of an index go to the lower one. */
function shareCode(index: boolean, fn: Reduction, join: (a: string, b: string) => string): string {
  const better = fn === 'argmax' ? '>' : '<';
  return `bests[lane] = best;
  ${index ? 'ats[lane] = at;' : ''}
  workgroupBarrier();
  for (var half = ${workgroup / 2}u; half > 0u; half = half / 2u) {
    if (lane < half) {
      ${
        index
          ? `let other = bests[lane + half]; let otherAt = ats[lane + half];
      if (otherAt != 0xffffffffu && (ats[lane] == 0xffffffffu || other ${better} bests[lane] || (other == bests[lane] && otherAt < ats[lane]))) { bests[lane] = other; ats[lane] = otherAt; }`
          : `bests[lane] = ${join('bests[lane]', 'bests[lane + half]')};`
      }
    }
    workgroupBarrier();
  }
  best = bests[0];
  ${index ? 'at = ats[0];' : ''}`;
}
