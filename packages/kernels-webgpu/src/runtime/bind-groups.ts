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

/** A handful of sets of buffers alternate; more would mean that nothing recurs. */
const mostSets = 16;

/** The bind groups of a program, kept for each set of buffers that it is run with. */
export class BindGroups {
  readonly #device: GPUDevice;
  readonly #failures: Failures;
  readonly #counters: DeviceCounters;
  readonly #dispatches: readonly BoundDispatch[];
  readonly #sets: GroupSet[] = [];
  /** Sets follow each other in a circle. */
  #next = 0;

  constructor(device: GPUDevice, failures: Failures, counters: DeviceCounters, dispatches: readonly BoundDispatch[]) {
    this.#device = device;
    this.#failures = failures;
    this.#counters = counters;
    this.#dispatches = dispatches;
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
    const groups = this.#dispatches.map((dispatch, index) => this.#known(dispatch, index, external) ?? this.#make(dispatch, external)); // prettier-ignore
    if (sets.length >= mostSets) sets.shift();
    this.#next = sets.push({ external: external.slice(), groups });
    return groups;
  }

  /** Lets go of everything. */
  clear(): void {
    this.#sets.length = 0;
  }

  /** The group of another set that binds the same buffers. */
  #known({ bindings }: BoundDispatch, index: number, external: readonly GPUBuffer[]): GPUBindGroup | undefined {
    const same = (set: GroupSet): boolean =>
      bindings.every((place) => typeof place !== 'number' || set.external[place] === external[place]);
    return this.#sets.find(same)?.groups[index];
  }

  #make({ label, pipeline, bindings }: BoundDispatch, external: readonly GPUBuffer[]): GPUBindGroup {
    this.#counters.bindGroups++;
    return this.#failures.scope(label, () =>
      this.#device.createBindGroup({
        label,
        layout: pipeline.getBindGroupLayout(0),
        entries: bindings.map((place, binding) => ({
          binding,
          resource: { buffer: typeof place === 'number' ? external[place]! : place },
        })),
      }),
    );
  }
}
