import type { Graph, Program, ProgramMemory, Tensor, TensorType } from '@tessera/tensor-core';
import { FeatureUnavailableError, ShapeError, TesseraError, sameShape, showShape } from '@tessera/tensor-core';
import type { CompiledGraph } from '../compile/compile-graph.ts';
import type { Slot } from '../compile/slot.ts';
import { BindGroups } from './bind-groups.ts';
import type { BoundDispatch } from './bind-groups.ts';
import type { Buffers } from './buffers.ts';
import type { CommandStream } from './command-stream.ts';
import type { DeviceCounters } from './counters.ts';
import type { Failures } from './failures.ts';
import { GpuStorage } from './gpu-storage.ts';
import { planMemory } from './plan-memory.ts';
import { Stopwatch } from './profile.ts';
import type { Profile } from './profile.ts';
import { donatedPartners } from './state-buffers.ts';
import { inOrder } from './step-order.ts';

/** What a program needs of its device. */
export interface ProgramContext {
  readonly device: GPUDevice;
  readonly buffers: Buffers;
  readonly stream: CommandStream;
  readonly failures: Failures;
  readonly counters: DeviceCounters;
  /** The storages of inputs; those that are still on the host are uploaded. */
  storagesOf(tensors: readonly Tensor[]): GpuStorage[];
  /** Wraps an output. */
  hold(storage: GpuStorage, type: TensorType): Tensor;
}

/** Where an output comes from: an input that was overwritten, or a buffer made for it. */
type OutputPlace = { readonly input: number } | { readonly made: number };

/** Outputs that need a buffer of their own. */
export function outputsMade({ outputs }: CompiledGraph): Slot[] {
  return [...new Set(outputs)].filter(({ role }) => role.kind === 'temporary');
}

/** A compiled graph with its pipelines and memory. */
export class WebGpuProgram implements Program {
  readonly graph: Graph;
  readonly memory: ProgramMemory;
  readonly #context: ProgramContext;
  readonly #donated: readonly number[];
  readonly #dispatches: readonly BoundDispatch[];
  /** Numbers of dispatches in the order in which they run. */
  readonly #order: readonly number[];
  readonly #groups: BindGroups;
  readonly #arena: readonly GPUBuffer[];
  readonly #constants: readonly GpuStorage[];
  /** Inputs that dispatches bind. Their buffers, then those made for outputs, are what changes from run to run. */
  readonly #boundInputs: readonly number[];
  readonly #made: readonly { readonly bytes: number; readonly partner: number }[];
  readonly #outputs: readonly OutputPlace[];
  readonly #external: GPUBuffer[] = [];
  #disposed = false;

  constructor(
    graph: Graph,
    compiled: CompiledGraph,
    pipelines: ReadonlyMap<string, GPUComputePipeline>,
    donated: ReadonlySet<number>,
    constants: readonly GpuStorage[],
    context: ProgramContext,
  ) {
    this.graph = graph;
    this.#context = context;
    this.#donated = [...donated];
    this.#constants = constants;
    const { dispatches, order } = inOrder(compiled.steps);
    const made = outputsMade(compiled);
    const bound = new Set(dispatches.flatMap(({ slots }) => slots));
    this.#boundInputs = [
      ...new Set([...bound].flatMap(({ role }) => (role.kind === 'input' ? [role.index] : []))),
    ].toSorted((a, b) => a - b);
    const { places, sizes } = planMemory(compiled);
    this.#arena = sizes.map((bytes) => context.buffers.take('memory of a program', bytes));
    const { buffers } = context;
    this.memory = {
      temporaries: this.#arena.map((buffer) => buffers.sizeOf(buffer)),
      outputs: made.map(({ bytes }) => buffers.sizeFor(bytes)),
      constants: constants.map(({ bytes }) => buffers.sizeFor(bytes)),
    };
    const placeOf = (slot: Slot): GPUBuffer | number => {
      if (slot.role.kind === 'fixed') return slot.role.buffer;
      if (slot.role.kind === 'input') return this.#boundInputs.indexOf(slot.role.index);
      const output = made.indexOf(slot);
      return output >= 0 ? this.#boundInputs.length + output : this.#arena[places.get(slot)!]!;
    };
    const located = new Map([...bound].map((slot) => [slot, placeOf(slot)]));
    this.#dispatches = dispatches.map(({ label, source, grid, slots }) => ({
      label,
      pipeline: pipelines.get(source)!,
      grid,
      bindings: slots.map((slot) => located.get(slot)!),
    }));
    this.#order = order;
    this.#groups = new BindGroups(context.device, context.failures, context.counters, this.#dispatches);
    const partners = donatedPartners(compiled, graph, donated);
    this.#made = made.map((slot) => ({ bytes: slot.bytes, partner: partners.get(slot) ?? -1 }));
    this.#outputs = compiled.outputs.map((slot) =>
      slot.role.kind === 'input' ? { input: slot.role.index } : { made: made.indexOf(slot) },
    );
  }

  /** Dispatches of one run. */
  get dispatches(): number {
    return this.#order.length;
  }

  /**
   * Runs the graph: encodes it behind the commands of this turn, which are submitted together at the end of the turn, or by
   * the first read.
   * @throws ShapeError for inputs of another number, shape or dtype
   * @throws DeviceLostError when the device was lost
   */
  run(inputs: readonly Tensor[]): readonly Tensor[] {
    return this.#run(inputs, (groups) => this.#context.stream.dispatch(this.#dispatches, this.#order, groups));
  }

  /**
   * Runs once with the GPU time of every dispatch. Each is in a pass of its own, so that the whole takes longer than
   * {@link WebGpuProgram.run}. Donated inputs are disposed as by `run`.
   * @throws FeatureUnavailableError when the device has no `timestamp-query`
   */
  async profile(inputs: readonly Tensor[]): Promise<Profile> {
    const { device, buffers, stream, failures, counters } = this.#context;
    if (!device.features.has('timestamp-query'))
      throw new FeatureUnavailableError(
        "profile: the device has no feature 'timestamp-query'. Take an adapter that has it, and request the device with it.",
      );
    failures.check();
    const { floor } = failures.checkpoint();
    const stopwatch = failures.scope('profile', () => new Stopwatch(device, buffers, this.#order.length));
    let outputs: readonly Tensor[] = [];
    try {
      outputs = this.#run(inputs, (groups) => {
        const encoder = stream.encoder();
        this.#order.forEach((index, position) => {
          const { pipeline, grid } = this.#dispatches[index]!;
          const pass = encoder.beginComputePass({ timestampWrites: stopwatch.pass(position) });
          pass.setPipeline(pipeline);
          pass.setBindGroup(0, groups[index]!);
          pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
          pass.end();
        });
        counters.dispatches += this.#order.length;
        stopwatch.resolve(encoder);
      });
      await failures.mapped(
        stream.submit(() => stopwatch.map())!,
        failures.checkpoint(floor),
        'profile',
      );
      const times = stopwatch.microseconds();
      const rows = this.#order.map((index, position) => ({
        label: this.#dispatches[index]!.label,
        microseconds: times[position]!,
      }));
      return { outputs, rows };
    } catch (error) {
      for (const output of outputs) output.dispose();
      throw error;
    } finally {
      stopwatch.dispose();
    }
  }

  /** Frees what the program holds. Outputs live on. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    const { buffers } = this.#context;
    for (const buffer of this.#arena) buffers.give(buffer);
    for (const storage of this.#constants) buffers.release(storage);
    this.#groups.clear();
  }

  #run(inputs: readonly Tensor[], encode: (groups: readonly GPUBindGroup[]) => void): readonly Tensor[] {
    const { graph } = this;
    const { buffers, failures, storagesOf, hold } = this.#context;
    failures.check();
    this.#checkInputs(inputs);
    const storages = storagesOf(inputs);
    const owned = this.#ownedBy(inputs, storages);
    const made: GpuStorage[] = [];
    try {
      const external = this.#external;
      external.length = 0;
      for (const index of this.#boundInputs) external.push(storages[index]!.buffer);
      for (const { bytes, partner } of this.#made) {
        const twin = partner < 0 ? undefined : buffers.twinOf(storages[partner]!, bytes);
        made.push(new GpuStorage(twin ?? buffers.take('output', bytes), bytes));
      }
      for (const { buffer } of made) external.push(buffer);
      encode(this.#groups.groupsFor(external));
    } catch (error) {
      // Nobody else knows of these.
      for (const storage of [...made, ...owned]) buffers.release(storage);
      throw error;
    }
    const outputs = this.#outputs.map((place, position) => {
      const type = graph.types[graph.outputs[position]!]!;
      if ('made' in place) return hold(made[place.made]!, type);
      const storage = storages[place.input]!;
      storage.references++;
      return hold(storage, type);
    });
    this.#made.forEach(({ partner }, place) => {
      const storage = storages[partner];
      const mine = made[place]!;
      // Kept here rather than given to the pool, where the order of buffers would change from run to run.
      if (storage?.references !== 1 || buffers.sizeOf(storage.buffer) !== buffers.sizeOf(mine.buffer)) return;
      mine.twin = storage.buffer;
      storage.kept = true;
    });
    for (const storage of owned) buffers.release(storage);
    for (const index of this.#donated) inputs[index]!.dispose();
    return outputs;
  }

  /**
   * Storages that only this run holds: of inputs that were uploaded for it, and copies of donated inputs that somebody
   * else holds too, who must not see them change.
   */
  #ownedBy(inputs: readonly Tensor[], storages: GpuStorage[]): GpuStorage[] {
    const { buffers, stream } = this.#context;
    const owned = storages.filter((_, index) => inputs[index]!.source.kind !== 'resident');
    for (const storage of storages) storage.uses = 0;
    for (const storage of storages) storage.uses++;
    for (const index of this.#donated) {
      const shared = storages[index]!;
      if (shared.references === 1 && shared.uses === 1) continue;
      const copy = new GpuStorage(buffers.take('copy of a donated input', shared.bytes), shared.bytes);
      stream.encoder().copyBufferToBuffer(shared.buffer, 0, copy.buffer, 0, shared.bytes);
      shared.uses--;
      copy.uses = 1;
      storages[index] = copy;
      owned.push(copy);
    }
    return owned;
  }

  #checkInputs(inputs: readonly Tensor[]): void {
    const { graph } = this;
    if (this.#disposed) throw new TesseraError('DISPOSED', 'program: it was disposed. Compile the graph again.');
    if (inputs.length !== graph.inputs)
      throw new ShapeError(`program: takes ${graph.inputs} inputs, got ${inputs.length}.`);
    for (let index = 0; index < inputs.length; index++) {
      const input = inputs[index]!;
      const type = graph.types[index]!;
      if (input.dtype !== type.dtype || !sameShape(input.shape, type.shape))
        throw new ShapeError(
          `program: input ${index} is ${input.dtype}${showShape(input.shape)}, expected ${type.dtype}${showShape(type.shape)}.`,
        );
    }
  }
}
