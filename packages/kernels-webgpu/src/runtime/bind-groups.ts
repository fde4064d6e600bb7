import { numberOf } from './buffer-number.ts';
import type { DeviceCounters } from './counters.ts';
import type { EncodedDispatch } from './command-stream.ts';
import type { Failures } from './failures.ts';

/** A dispatch and what it binds: buffers that never change, or places in the list of buffers that a run brings. */
export interface BoundDispatch extends EncodedDispatch {
  readonly label: string;
  readonly bindings: readonly (GPUBuffer | number)[];
}

interface GroupSet {
  readonly external: readonly GPUBuffer[];
  readonly groups: readonly GPUBindGroup[];
}

/** Sets of buffers that alternate while nothing else happens. */
const mostSets = 16;
/** Combinations of buffers that one dispatch meets where programs take turns. */
const mostGroups = 32;

/** The bind groups of a program, kept for the sets of buffers that it was run with last, and of each dispatch for what it binds of them. */
export class BindGroups {
  readonly #device: GPUDevice;
  readonly #failures: Failures;
  readonly #counters: DeviceCounters;
  readonly #dispatches: readonly BoundDispatch[];
  /** Places in a run's buffers that each dispatch binds. */
  readonly #places: readonly (readonly number[])[];
  readonly #sets: GroupSet[] = [];
  /** Sets follow each other in a circle. */
  #next = 0;
  /** Of each dispatch by the numbers of the buffers of a run. */
  readonly #known: readonly Map<string, GPUBindGroup>[];

  constructor(device: GPUDevice, failures: Failures, counters: DeviceCounters, dispatches: readonly BoundDispatch[]) {
    this.#device = device;
    this.#failures = failures;
    this.#counters = counters;
    this.#dispatches = dispatches;
    this.#places = dispatches.map(({ bindings }) => bindings.filter((place) => typeof place === 'number'));
    this.#known = dispatches.map(() => new Map());
  }

  /** One bind group a dispatch, for the buffers of this run. */
  groupsFor(external: readonly GPUBuffer[]): readonly GPUBindGroup[] {
    const sets = this.#sets;
    for (let i = 0; i < sets.length; i++) {
      const at = (this.#next + i) % sets.length;
      const set = sets[at]!;
      let place = 0;
      while (place < external.length && set.external[place] === external[place]) place++;
      if (place < external.length) continue;
      this.#next = at + 1;
      return set.groups;
    }
    const seen = external.map(numberOf);
    const groups = this.#failures.scope('bind groups', () =>
      this.#dispatches.map((dispatch, index) => this.#groupOf(dispatch, index, seen, external)),
    );
    if (sets.length >= mostSets) sets.shift();
    this.#next = sets.push({ external: external.slice(), groups });
    return groups;
  }

  /** Lets go of everything. */
  clear(): void {
    this.#sets.length = 0;
    for (const known of this.#known) known.clear();
  }

  #groupOf(
    dispatch: BoundDispatch,
    index: number,
    seen: readonly number[],
    external: readonly GPUBuffer[],
  ): GPUBindGroup {
    const known = this.#known[index]!;
    let key = '';
    for (const place of this.#places[index]!) key += `${seen[place]!} `;
    let group = known.get(key);
    if (!group) {
      group = this.#make(dispatch, external);
      if (known.size >= mostGroups) known.delete(known.keys().next().value!);
      known.set(key, group);
    }
    return group;
  }

  #make({ label, pipeline, bindings }: BoundDispatch, external: readonly GPUBuffer[]): GPUBindGroup {
    this.#counters.bindGroups++;
    return this.#device.createBindGroup({
      label,
      layout: pipeline.getBindGroupLayout(0),
      entries: bindings.map((place, binding) => ({
        binding,
        resource: { buffer: typeof place === 'number' ? external[place]! : place },
      })),
    });
  }
}
