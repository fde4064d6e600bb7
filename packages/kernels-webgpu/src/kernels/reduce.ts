import type { GpuCapabilities, GraphNode, ReduceAttributes, Reduction } from '@tessera/tensor-core';
import { gpuLimit, sizeOf } from '@tessera/tensor-core';
import { Emitter } from '../codegen/emitter.ts';
import { scalarOf } from '../codegen/region.ts';
import type { Region, Scalar } from '../codegen/region.ts';
import { bindingsOf } from '../codegen/shader.ts';
import type { Shader } from '../codegen/shader.ts';
import type { Dispatch } from '../compile/dispatch.ts';

/** From this many elements on, a workgroup shares the work of one result. */
const shared = 128;
/** Elements that a lane has under way at a time. */
const unroll = 4;

/** Neighbouring results whose elements are neighbours too, from so many on, are read side by side. */
const sideBySide = 32;
/** Elements of a line that are worth a part of their own. */
const worthwhile = 32;

/** How a reduction is shared out. */
interface Sharing {
  /** A workgroup joins the elements of one result; otherwise each invocation has a result of its own. */
  readonly together: boolean;
  /** Parts of each line, joined by a second dispatch when there are several. */
  readonly parts: number;
}

function sharingOf({ fn, axes }: ReduceAttributes, shape: readonly number[], count: number, results: number): Sharing {
  if (fn === 'argmax' || fn === 'argmin') return { together: count >= shared, parts: 1 };
  const last = shape.length - 1;
  if (!axes.includes(last) && shape[last]! >= sideBySide)
    return {
      together: false,
      parts: Math.max(1, Math.min(1024, Math.floor(count / worthwhile), Math.ceil(65_536 / Math.max(1, results)))),
    };
  return {
    together: count >= shared,
    parts: results <= 128 && count >= 65_536 ? Math.min(1024, Math.ceil(count / 8192)) : 1,
  };
}

/** Invocations of a workgroup: the longer the line and the fewer the results, the more. */
function workgroupOf(count: number, results: number, capabilities: GpuCapabilities): number {
  if (count < 1024) return 64;
  const most = Math.min(
    gpuLimit(capabilities, 'maxComputeInvocationsPerWorkgroup'),
    gpuLimit(capabilities, 'maxComputeWorkgroupSizeX'),
  );
  return count >= 8192 && results <= 128 && most >= 1024 ? 1024 : 256;
}

const start: Readonly<Record<'sum' | 'max' | 'min', Readonly<Record<Exclude<Scalar, 'bool'>, string>>>> = {
  sum: { f32: '0.0f', i32: '0i', u32: '0u' },
  max: { f32: 'bitcast<f32>(0xff800000u | runtime_zero())', i32: '(-2147483647i - 1i)', u32: '0u' },
  min: { f32: 'bitcast<f32>(0x7f800000u | runtime_zero())', i32: '2147483647i', u32: '4294967295u' },
};

/** A reduction, and what joins its parts when there are several. */
export interface ReducePlan {
  /** Writes the results, or parts of them, `[parts, results]`. */
  readonly dispatch: Dispatch;
  /** Reads the parts, writes the results. Absent: the results are there. */
  readonly join?: Shader;
  readonly partBytes: number;
}

/** Joins the elements of an expression along axes. */
export function planReduce(region: Region, node: GraphNode, capabilities: GpuCapabilities): ReducePlan {
  const { fn, axes } = node.attributes as ReduceAttributes;
  const [input] = node.inputs as [number];
  const [target] = node.outputs as [number];
  const { shape, dtype } = region.types[input]!;
  const out = region.types[target]!;
  const scalar = scalarOf(dtype) as Exclude<Scalar, 'bool'>;
  const inner = axes.map((axis) => shape[axis]!);
  const count = sizeOf(inner);
  const results = sizeOf(out.shape);
  const { together, parts } = sharingOf(node.attributes as ReduceAttributes, shape, count, results);
  const perPart = Math.ceil(count / parts);
  const workgroup = together ? workgroupOf(perPart, results * parts, capabilities) : 64;
  const emitter = new Emitter(region);
  const all = Math.max(1, results * parts);
  const own = emitter.name(together ? 'number' : `number * ${workgroup}u + lane`, 'e');
  if (!together) emitter.line(`if (${own} >= ${all}u) { return; }`);
  const inside = together ? emitter.name(`min(${own}, ${all - 1}u)`, 'e') : own;
  const outer = emitter.coordinates(
    parts === 1 ? inside : emitter.name(`${inside} % ${Math.max(1, results)}u`, 'e'),
    out.shape,
  );
  const from = parts === 1 ? '0u' : emitter.name(`${inside} / ${Math.max(1, results)}u * ${perPart}u`, 'e');
  const end = parts === 1 ? `${count}u` : emitter.name(`min(${from} + ${perPart}u, ${count}u)`, 'e');
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
    return `for (; k + ${(times - 1) * step}u < ${end}; k += ${times * step}u) {
    ${emitter.take()}
    ${joins}
  }`;
  };
  const body = `${head}
  var best = ${start[kind][scalar]};
  ${index ? 'var at = 0xffffffffu;' : ''}
  var k = ${together ? `${from} + lane` : from};
  ${perPart >= unroll * step && (together || parts > 1) ? loop(unroll) : ''}
  ${loop(1)}
  ${together ? shareCode(index, fn, join, workgroup) : ''}
  ${together ? `if (lane == 0u && ${own} < ${results * parts}u) {` : '{'} o0[${own}] = ${index ? 'i32(at)' : 'best'}; }`;
  const reads = emitter.reads;
  const dispatch: Dispatch = {
    shader: {
      label: parts > 1 ? `${fn} in ${parts} parts` : fn,
      workgroup,
      workgroups: together ? results * parts : Math.ceil((results * parts) / workgroup),
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
  if (parts === 1) return { dispatch, partBytes: 0 };
  return { dispatch, join: joinParts(fn, scalar, parts, results), partBytes: 4 * parts * results };
}

/** Joins the parts of each result: a workgroup a result where there are few, else an invocation. */
function joinParts(fn: Reduction, scalar: Exclude<Scalar, 'bool'>, parts: number, results: number): Shader {
  const join = joinCode(fn);
  const few = results < 1024;
  const bindings = [
    { name: 'b0', element: scalar, write: false },
    { name: 'o0', element: scalar, write: true },
  ];
  const begin = `var best = ${start[fn as 'sum' | 'max' | 'min'][scalar]};`;
  const loop = (first: string, step: number): string =>
    `for (var p = ${first}; p < ${parts}u; p += ${step}u) { best = ${join('best', `b0[p * ${results}u + e]`)}; }`;
  return {
    label: `${fn} of parts`,
    workgroup: 64,
    workgroups: few ? results : Math.ceil(results / 64),
    bindings,
    ...(few && { shared: { bests: `array<${scalar}, 64>` } }),
    body: few
      ? `let e = min(number, ${results - 1}u);
  ${begin}
  ${loop('lane', 64)}
  ${shareCode(false, fn, join, 64)}
  if (lane == 0u && number < ${results}u) { o0[e] = best; }`
      : `let e = number * 64u + lane;
  if (e >= ${results}u) { return; }
  ${begin}
  ${loop('0u', 1)}
  o0[e] = best;`,
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
