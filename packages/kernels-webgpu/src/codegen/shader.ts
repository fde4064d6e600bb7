import type { DType } from '@tessera/tensor-core';
import { library } from './functions.ts';
import { storedAs } from './region.ts';
import type { Region } from './region.ts';

/** A buffer that a shader binds. */
export interface ShaderBinding {
  readonly name: string;
  /** WGSL type of an element, for example `vec4f`. */
  readonly element: string;
  readonly write: boolean;
}

/**
 * A generated shader in parts, so that several can become one. The body may use `number` (of the workgroup), `count` (of
 * workgroups) and `lane`, all u32; with subgroups also `width` and `own`, their size and the lane's place in its own.
 */
export interface Shader {
  readonly label: string;
  /** Invocations of a workgroup. */
  readonly workgroup: number;
  readonly workgroups: number;
  readonly bindings: readonly ShaderBinding[];
  readonly subgroups?: boolean;
  /** Workgroup variables by name: WGSL types. Shaders that become one share those of equal name and type. */
  readonly shared?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A shader as the device takes it. */
export interface Source {
  readonly label: string;
  readonly source: string;
  readonly grid: readonly [number, number, number];
}

const mostPerAxis = 65_535;

/** Workgroups folded into two axes. */
function foldGrid(workgroups: number): [number, number, number] {
  if (workgroups <= mostPerAxis) return [workgroups, 1, 1];
  const rows = Math.ceil(workgroups / mostPerAxis);
  return [Math.ceil(workgroups / rows), rows, 1];
}

/**
 * WGSL of one shader, or of several side by side: then each has workgroups of its own, and its body is a function.
 * @param parts - of equal workgroup size
 * @param places - for each binding of each part, its number in the shader
 * @param bindings - of the shader
 */
export function sourceOf(
  parts: readonly Shader[],
  places: readonly (readonly number[])[],
  bindings: readonly ShaderBinding[],
): Source {
  const [first] = parts as [Shader];
  const alone = parts.length === 1;
  const subgroups = parts.some((part) => part.subgroups);
  const shared = new Map<string, string>();
  const bodies = parts.map((part, index) => {
    const names = new Map<string, string>();
    part.bindings.forEach(({ name }, i) => names.set(name, bindings[places[index]![i]!]!.name));
    for (const [name, type] of Object.entries(part.shared ?? {})) {
      let unique = name;
      while ((shared.get(unique) ?? type) !== type) unique += '_';
      shared.set(unique, type);
      names.set(name, unique);
    }
    return renamed(part.body, names);
  });
  const builtins = subgroups ? ', @builtin(subgroup_size) width: u32, @builtin(subgroup_invocation_id) own: u32' : '';
  const head = `@compute @workgroup_size(${first.workgroup})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32${builtins}) {
  let number = group.x + group.y * groups.x;`;
  const parameters = `count: u32, lane: u32${subgroups ? ', width: u32, own: u32' : ''}`;
  const values = `lane${subgroups ? ', width, own' : ''}`;
  let start = 0;
  const calls = parts.map(({ workgroups }, index) => {
    const call = `part${index}(number - ${start}u, ${workgroups}u, ${values});`;
    start += workgroups;
    return index === parts.length - 1 ? `{ ${call} }` : `if (number < ${start}u) { ${call} } else`;
  });
  const total = parts.reduce((sum, { workgroups }) => sum + workgroups, 0);
  const source = [
    ...(subgroups ? ['enable subgroups;', 'diagnostic(off, subgroup_uniformity);'] : []),
    ...bindings.map(
      ({ name, element, write }, i) =>
        `@group(0) @binding(${i}) var<storage, ${write ? 'read_write' : 'read'}> ${name}: array<${element}>;`,
    ),
    ...[...shared].map(([name, type]) => `var<workgroup> ${name}: ${type};`),
    ...Object.entries(library).flatMap(([name, code]) => (bodies.some((b) => b.includes(`${name}(`)) ? [code] : [])),
    ...(alone ? [] : bodies.map((body, index) => `fn part${index}(number: u32, ${parameters}) {\n  ${body}\n}`)),
    head,
    alone ? `  let count = ${total}u;\n  ${bodies[0]}` : `  ${calls.join(' ')}`,
    '}',
  ].join('\n');
  return { label: labelOf(parts), source, grid: foldGrid(total) };
}

function labelOf(parts: readonly Shader[]): string {
  const counts = new Map<string, number>();
  for (const { label } of parts) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].map(([label, times]) => (times === 1 ? label : `${times} × ${label}`)).join(' + ');
}

function renamed(body: string, names: ReadonlyMap<string, string>): string {
  const changed = [...names].filter(([from, to]) => from !== to);
  if (changed.length === 0) return body;
  const table = new Map(changed);
  return body.replace(/(?<![.\w])[a-z_]\w*/gi, (word) => table.get(word) ?? word);
}

/** Bindings `b0`, `b1`… of the values that an emitter read, then `o0`, `o1`… of what is written. */
export function bindingsOf(region: Region, reads: readonly number[], writes: readonly DType[]): ShaderBinding[] {
  return [
    ...reads.map((value, i) => ({ name: `b${i}`, element: storedAs(region.types[value]!.dtype), write: false })),
    ...writes.map((dtype, i) => ({ name: `o${i}`, element: storedAs(dtype), write: true })),
  ];
}
