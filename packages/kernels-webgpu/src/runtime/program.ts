import type { Graph, Program, Tensor } from '@tessera/tensor-core';
import { FeatureUnavailableError, TesseraError, sameShape, showShape } from '@tessera/tensor-core';
import type { CompiledGraph, Step } from '../compile/compile-graph.ts';
import { bufferBytes } from '../compile/slot.ts';
import type { Slot } from '../compile/slot.ts';
import { planMemory } from './plan-memory.ts';
import type { BufferPool } from './gpu-storage.ts';
import { GpuStorage } from './gpu-storage.ts';
import { Stopwatch } from './profile.ts';
import type { Profile } from './profile.ts';

/** What a program needs of its device. */
export interface ProgramContext {
  readonly device: GPUDevice;
  readonly pool: BufferPool;
  /** The storage of an input, uploaded if it is still on the host. */
  storageOf(tensor: Tensor): GpuStorage;
  /** Wraps an output. */
  hold(storage: GpuStorage, type: Graph['types'][number]): Tensor;
  /** Counts for tests and benchmarks. */
  readonly counters: { dispatches: number; submits: number; bindGroups: number };
}

interface Flat {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly grid: readonly [number, number, number];
  readonly slots: readonly Slot[];
}

/** A compiled graph with its pipelines and memory. Bind groups are kept for each set of buffers that it is run with. */
export class WebGpuProgram implements Program {
  readonly graph: Graph;
  readonly #compiled: CompiledGraph;
  readonly #context: ProgramContext;
  readonly #donated: ReadonlySet<number>;
  readonly #order: readonly number[];
  readonly #flat: readonly Flat[];
  readonly #temporaries: ReadonlyMap<Slot, number>;
  readonly #arena: readonly GPUBuffer[];
  readonly #bindGroups = new Map<string, GPUBindGroup[]>();
  /** The donated input whose buffer serves an output of the next run, so that a state alternates between two buffers. */
  readonly #partners: ReadonlyMap<Slot, number>;
  readonly #spare = new Map<Slot, GPUBuffer>();
  readonly #constants: readonly GpuStorage[];
  #disposed = false;

  constructor(
    graph: Graph,
    compiled: CompiledGraph,
    pipelines: ReadonlyMap<string, GPUComputePipeline>,
    donated: ReadonlySet<number>,
    constants: readonly GpuStorage[],
    context: ProgramContext,
  ) {
    this.#constants = constants;
    this.graph = graph;
    this.#compiled = compiled;
    this.#context = context;
    this.#donated = donated;
    const flat: Flat[] = [];
    const order: number[] = [];
    const visit = (steps: readonly Step[]): void => {
      for (const step of steps) {
        if (step.kind === 'dispatch') {
          flat.push({ label: step.label, pipeline: pipelines.get(step.source)!, grid: step.grid, slots: step.slots });
          order.push(flat.length - 1);
          continue;
        }
        const start = order.length;
        visit(step.steps);
        const turn = order.slice(start);
        for (let i = 1; i < step.times; i++) order.push(...turn);
      }
    };
    visit(compiled.steps);
    this.#flat = flat;
    this.#order = order;
    const plan = planMemory(compiled);
    this.#temporaries = plan.places;
    this.#arena = plan.sizes.map((bytes) => context.pool.take(bytes));
    this.#partners = partnersOf(compiled, graph, donated);
  }

  /** Dispatches of one run. */
  get dispatches(): number {
    return this.#order.length;
  }

  run(inputs: readonly Tensor[]): readonly Tensor[] {
    return this.#run(inputs, (encoder, groups) => {
      const pass = encoder.beginComputePass();
      let current: GPUComputePipeline | undefined;
      for (const index of this.#order) {
        const { pipeline, grid } = this.#flat[index]!;
        if (pipeline !== current) pass.setPipeline((current = pipeline));
        pass.setBindGroup(0, groups[index]!);
        pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
      }
      pass.end();
    });
  }

  /**
   * Runs once with the GPU time of every dispatch. Each is in a pass of its own, so that the whole takes longer than
   * {@link WebGpuProgram.run}. Donated inputs are disposed as by `run`.
   * @throws FeatureUnavailableError when the device has no `timestamp-query`
   */
  async profile(inputs: readonly Tensor[]): Promise<Profile> {
    const { device } = this.#context;
    if (!device.features.has('timestamp-query'))
      throw new FeatureUnavailableError(
        "profile: the device has no feature 'timestamp-query'. Take an adapter that has it, and request the device with it.",
      );
    const stopwatch = new Stopwatch(device, this.#order.length);
    try {
      const outputs = this.#run(inputs, (encoder, groups) => {
        this.#order.forEach((index, position) => {
          const { pipeline, grid } = this.#flat[index]!;
          const pass = encoder.beginComputePass({ timestampWrites: stopwatch.pass(position) });
          pass.setPipeline(pipeline);
          pass.setBindGroup(0, groups[index]!);
          pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
          pass.end();
        });
        stopwatch.resolve(encoder);
      });
      const times = await stopwatch.read();
      const rows = this.#order.map((index, position) => ({
        label: this.#flat[index]!.label,
        microseconds: times[position]!,
      }));
      return { outputs, rows };
    } finally {
      stopwatch.dispose();
    }
  }

  #run(
    inputs: readonly Tensor[],
    encode: (encoder: GPUCommandEncoder, groups: readonly GPUBindGroup[]) => void,
  ): readonly Tensor[] {
    const { graph } = this;
    if (this.#disposed) throw new TesseraError('DISPOSED', 'program: it was disposed. Compile the graph again.');
    if (inputs.length !== graph.inputs)
      throw new TesseraError('SHAPE', `program: takes ${graph.inputs} inputs, got ${inputs.length}.`);
    inputs.forEach((input, index) => {
      const type = graph.types[index]!;
      if (input.dtype !== type.dtype || !sameShape(input.shape, type.shape))
        throw new TesseraError(
          'SHAPE',
          `program: input ${index} is ${input.dtype}${showShape(input.shape)}, expected ${type.dtype}${showShape(type.shape)}.`,
        );
    });
    const { device, pool, counters } = this.#context;
    const storages = inputs.map((input) => this.#context.storageOf(input));
    const made = new Map<Slot, GPUBuffer>();
    for (const slot of this.#compiled.outputs)
      if (slot.role.kind === 'temporary' && !made.has(slot)) {
        made.set(slot, this.#spare.get(slot) ?? pool.take(slot.bytes));
        this.#spare.delete(slot);
      }
    const bufferOf = (slot: Slot): GPUBuffer => {
      if (slot.role.kind === 'fixed') return slot.role.buffer;
      if (slot.role.kind === 'input') return storages[slot.role.index]!.buffer;
      return made.get(slot) ?? this.#arena[this.#temporaries.get(slot)!]!;
    };
    const groups = this.#groupsFor([...storages.map((storage) => storage.buffer), ...made.values()], bufferOf);
    const encoder = device.createCommandEncoder();
    encode(encoder, groups);
    device.queue.submit([encoder.finish()]);
    counters.dispatches += this.#order.length;
    counters.submits++;
    const outputs = this.#compiled.outputs.map((slot, position) => {
      const type = graph.types[graph.outputs[position]!]!;
      if (slot.role.kind === 'input') {
        const storage = storages[slot.role.index]!;
        storage.references++;
        return this.#context.hold(storage, type);
      }
      return this.#context.hold(new GpuStorage(made.get(slot)!, slot.bytes), type);
    });
    for (const [slot, index] of this.#partners) {
      const storage = storages[index]!;
      // Kept here rather than given to the pool, where the order of buffers would change from run to run.
      if (storage.references === 1 && storage.buffer.size === made.get(slot)!.size) {
        this.#spare.set(slot, storage.buffer);
        storage.kept = true;
      }
    }
    inputs.forEach((input, index) => {
      if (this.#donated.has(index)) input.dispose();
      else if (input.source.kind === 'host') this.#release(storages[index]!);
    });
    return outputs;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const buffer of [...this.#arena, ...this.#spare.values()]) this.#context.pool.give(buffer);
    this.#spare.clear();
    for (const storage of this.#constants) this.#release(storage);
    this.#bindGroups.clear();
  }

  #release(storage: GpuStorage): void {
    storage.references--;
    if (storage.references === 0 && !storage.kept) this.#context.pool.give(storage.buffer);
  }

  #groupsFor(external: readonly GPUBuffer[], bufferOf: (slot: Slot) => GPUBuffer): GPUBindGroup[] {
    const { device, pool, counters } = this.#context;
    const key = external.map((buffer) => pool.numberOf(buffer)).join();
    const known = this.#bindGroups.get(key);
    if (known) return known;
    const groups = this.#flat.map(({ pipeline, slots }) =>
      device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: slots.map((slot, binding) => ({ binding, resource: { buffer: bufferOf(slot) } })),
      }),
    );
    counters.bindGroups += groups.length;
    // A handful of sets of buffers alternate; more would mean that nothing recurs.
    if (this.#bindGroups.size >= mostSets) this.#bindGroups.delete(this.#bindGroups.keys().next().value!);
    this.#bindGroups.set(key, groups);
    return groups;
  }
}

const mostSets = 16;

/**
 * Pairs outputs that need a buffer of their own with donated inputs of the same size that no output takes over. From the end:
 * a step gives its state last, in the order in which it takes it, and each leaf should alternate with itself.
 */
function partnersOf(compiled: CompiledGraph, graph: Graph, donated: ReadonlySet<number>): Map<Slot, number> {
  const taken = new Set(compiled.outputs.flatMap(({ role }) => (role.kind === 'input' ? [role.index] : [])));
  const free = [...donated].filter((index) => !taken.has(index));
  const partners = new Map<Slot, number>();
  for (const slot of compiled.outputs.toReversed()) {
    if (slot.role.kind !== 'temporary' || partners.has(slot)) continue;
    const at = free.findLastIndex((index) => bufferBytes(graph.types[index]!) === slot.bytes);
    if (at >= 0) partners.set(slot, free.splice(at, 1)[0]!);
  }
  return partners;
}
