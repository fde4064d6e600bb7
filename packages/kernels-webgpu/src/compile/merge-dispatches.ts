import type { GpuCapabilities } from '@tessera/tensor-core';
import { gpuLimit } from '@tessera/tensor-core';
import type { Shader, ShaderBinding } from '../codegen/shader.ts';
import { sourceOf } from '../codegen/shader.ts';
import type { Draft, Work } from './draft.ts';
import type { Slot } from './slot.ts';
import type { Step } from './step.ts';

/** How far back a dispatch looks for one to join. */
const farthest = 64;
/** Two dispatches of this many workgroups fill a device by themselves; together they would only be a longer shader. */
const enough = 1024;
/** A dispatch of so many workgroups writes little. */
const small = 4;

/** Dispatches that run as one, or a loop. */
interface Group {
  readonly parts: Draft[];
  readonly loop?: { readonly times: number; readonly steps: readonly Step[] };
  readonly reads: Set<Slot>;
  readonly writes: Set<Slot>;
}

/**
 * Lets independent dispatches run side by side as one: each costs the host microseconds and the GPU a barrier, and small ones
 * leave most of it idle. A dispatch joins the nearest earlier one of its workgroup size that nothing between forbids; a small one the earliest,
 * so that what waits for it may join an early one, too.
 */
export function mergeDispatches(work: readonly Work[], capabilities: GpuCapabilities): Step[] {
  const groups: Group[] = [];
  for (const one of work) {
    const group = groupOf(one, capabilities);
    const host = group.loop ? undefined : findHost(groups, group, capabilities);
    if (!host) groups.push(group);
    else {
      host.parts.push(...group.parts);
      for (const slot of group.reads) host.reads.add(slot);
      for (const slot of group.writes) host.writes.add(slot);
    }
  }
  return groups.map((group): Step => (group.loop ? { kind: 'repeat', ...group.loop } : dispatchOf(group.parts)));
}

function groupOf(one: Work, capabilities: GpuCapabilities): Group {
  const group: Group = {
    parts: one.kind === 'dispatch' ? [one] : [],
    ...(one.kind === 'repeat' && { loop: { times: one.times, steps: mergeDispatches(one.work, capabilities) } }),
    reads: new Set(),
    writes: new Set(),
  };
  const visit = (inner: Work): void => {
    if (inner.kind === 'repeat') inner.work.forEach(visit);
    else inner.slots.forEach((slot, i) => (inner.writes[i] ? group.writes : group.reads).add(slot));
  };
  visit(one);
  return group;
}

function findHost(groups: readonly Group[], group: Group, capabilities: GpuCapabilities): Group | undefined {
  // What is large would be kept for longer.
  const early = workgroupsOf(group) <= small;
  let host: Group | undefined;
  for (let at = groups.length - 1; at >= Math.max(0, groups.length - farthest); at--) {
    const earlier = groups[at]!;
    if (conflict(earlier, group)) break;
    if (!fits(earlier, group, capabilities)) continue;
    host = earlier;
    if (!early) break;
  }
  return host;
}

function conflict(earlier: Group, later: Group): boolean {
  for (const slot of later.writes) if (earlier.writes.has(slot) || earlier.reads.has(slot)) return true;
  for (const slot of later.reads) if (earlier.writes.has(slot)) return true;
  return false;
}

function fits(host: Group, group: Group, capabilities: GpuCapabilities): boolean {
  if (host.loop) return false;
  const parts = [...host.parts, ...group.parts];
  const shaders = parts.flatMap(({ shader }) => ('body' in shader ? [shader] : []));
  if (shaders.length < parts.length || shaders.some(({ workgroup }) => workgroup !== shaders[0]!.workgroup))
    return false;
  if (workgroupsOf(host) >= enough && workgroupsOf(group) >= enough) return false;
  return (
    bindingsOf(parts).bindings.length <= gpuLimit(capabilities, 'maxStorageBuffersPerShaderStage') &&
    sharedBytes(shaders) <= gpuLimit(capabilities, 'maxComputeWorkgroupStorageSize')
  );
}

function workgroupsOf({ parts }: Group): number {
  return parts.reduce((total, { shader }) => total + ('body' in shader ? shader.workgroups : 0), 0);
}

/** Bindings of dispatches that run as one; a buffer that several read in the same way is bound once. */
function bindingsOf(parts: readonly Draft[]): { bindings: ShaderBinding[]; slots: Slot[]; places: number[][] } {
  const bindings: ShaderBinding[] = [];
  const slots: Slot[] = [];
  const alone = parts.length === 1;
  const places = parts.map(({ shader, slots: own }) =>
    (shader as Shader).bindings.map((binding, i) => {
      const slot = own[i]!;
      const known = alone
        ? -1
        : bindings.findIndex(
            ({ element, write }, j) => slots[j] === slot && element === binding.element && !write && !binding.write,
          );
      if (known >= 0) return known;
      slots.push(slot);
      return bindings.push(alone ? binding : { ...binding, name: `buffer${bindings.length}` }) - 1;
    }),
  );
  return { bindings, slots, places };
}

function dispatchOf(parts: readonly Draft[]): Step {
  const [{ shader, slots: own }] = parts as [Draft];
  if (!('body' in shader)) return { kind: 'dispatch', ...shader, slots: own };
  const { bindings, slots, places } = bindingsOf(parts);
  return {
    kind: 'dispatch',
    ...sourceOf(
      parts.map((part) => part.shader as Shader),
      places,
      bindings,
    ),
    slots,
  };
}

const elementBytes: Readonly<Record<string, number>> = { vec4f: 16, vec4u: 16 };

function sharedBytes(shaders: readonly Shader[]): number {
  const variables = new Set(
    shaders.flatMap(({ shared = {} }) => Object.entries(shared).map(([name, type]) => `${name}: ${type}`)),
  );
  let total = 0;
  for (const variable of variables) {
    const [, element, length] = /array<(.+), (\d+)>/.exec(variable)!;
    total += (elementBytes[element!] ?? 4) * Number(length);
  }
  return total;
}
