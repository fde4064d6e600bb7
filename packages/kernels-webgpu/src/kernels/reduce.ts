import type { GpuCapabilities, GraphNode, ReduceAttributes, Reduction } from '@tessera/tensor-core';
import { sizeOf } from '@tessera/tensor-core';
import { Emitter } from '../codegen/emitter.ts';
import { scalarOf } from '../codegen/region.ts';
import type { Region, Scalar } from '../codegen/region.ts';
import { bindingsOf } from '../codegen/shader.ts';
import type { Dispatch } from '../compile/dispatch.ts';

/** From this many elements on, a workgroup shares the work of one result. */
const shared = 128;
/** Elements that a lane has under way at a time. */
const unroll = 4;

/** Invocations of a workgroup: the longer the line and the fewer the results, the more. */
function workgroupOf(count: number, results: number, { limits }: GpuCapabilities): number {
  if (count < 1024) return 64;
  const most = Math.min(limits['maxComputeInvocationsPerWorkgroup'] ?? 256, limits['maxComputeWorkgroupSizeX'] ?? 256);
  return count >= 8192 && results <= 128 && most >= 1024 ? 1024 : 256;
}

const start: Readonly<Record<'sum' | 'max' | 'min', Readonly<Record<Exclude<Scalar, 'bool'>, string>>>> = {
  sum: { f32: '0.0f', i32: '0i', u32: '0u' },
  max: { f32: 'bitcast<f32>(0xff800000u | runtime_zero())', i32: '(-2147483647i - 1i)', u32: '0u' },
  min: { f32: 'bitcast<f32>(0x7f800000u | runtime_zero())', i32: '2147483647i', u32: '4294967295u' },
};

/** Joins the elements of an expression along axes. */
export function reduceDispatch(region: Region, node: GraphNode, capabilities: GpuCapabilities): Dispatch {
  const { fn, axes } = node.attributes as ReduceAttributes;
  const [input] = node.inputs as [number];
  const [target] = node.outputs as [number];
  const { shape, dtype } = region.types[input]!;
  const out = region.types[target]!;
  const scalar = scalarOf(dtype) as Exclude<Scalar, 'bool'>;
  const inner = axes.map((axis) => shape[axis]!);
  const count = sizeOf(inner);
  const together = count >= shared;
  const workgroup = together ? workgroupOf(count, sizeOf(out.shape), capabilities) : 64;
  const emitter = new Emitter(region);
  const result = emitter.name(together ? 'number' : `number * ${workgroup}u + lane`, 'e');
  if (!together) emitter.line(`if (${result} >= ${sizeOf(out.shape)}u) { return; }`);
  const outer = emitter.coordinates(
    together ? emitter.name(`min(${result}, ${Math.max(1, sizeOf(out.shape)) - 1}u)`, 'e') : result,
    out.shape,
  );
  const head = emitter.take();
  const index = fn === 'argmax' || fn === 'argmin';
  const kind = fn === 'argmax' ? 'max' : fn === 'argmin' ? 'min' : fn;
  const join = joinCode(fn);
  const step = together ? workgroup : 1;
  const element = (k: string): string => {
    const within = emitter.coordinates(k, inner);
    const coordinates = shape.map((_, axis) => (axes.includes(axis) ? within[axes.indexOf(axis)]! : outer[axis]!));
    return emitter.element(input, coordinates);
  };
  const take = (k: string, x: string): string =>
    index
      ? `if (${fn === 'argmax' ? `${x} > best` : `${x} < best`} || at == 0xffffffffu) { best = ${x}; at = ${k}; }`
      : `best = ${join('best', x)};`;
  /** A loop that joins several elements a turn; all are asked for before the first is used. */
  const loop = (times: number): string => {
    const ks = Array.from({ length: times }, (_, u) => (u === 0 ? 'k' : emitter.name(`k + ${u * step}u`, 'k')));
    const xs = ks.map((k) => emitter.name(element(k), 'x'));
    const joins = ks.map((k, u) => take(k, xs[u]!)).join('\n    ');
    return `for (; k + ${(times - 1) * step}u < ${count}u; k += ${times * step}u) {
    ${emitter.take()}
    ${joins}
  }`;
  };
  const body = `${head}
  var best = ${start[kind][scalar]};
  ${index ? 'var at = 0xffffffffu;' : ''}
  var k = ${together ? 'lane' : '0u'};
  ${together && count >= unroll * step ? loop(unroll) : ''}
  ${loop(1)}
  ${together ? shareCode(index, fn, join, workgroup) : ''}
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
function shareCode(index: boolean, fn: Reduction, join: (a: string, b: string) => string, workgroup: number): string {
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
