import type {
  CompileOptions,
  Device,
  DeviceLostError,
  GpuCapabilities,
  Graph,
  HostArray,
  Op,
  ProgramMemory,
  Storage,
  TensorType,
} from '@tessera/tensor-core';
import { ShapeError, Tensor, TesseraError, allocateHost, isPacked, showShape, sizeOf } from '@tessera/tensor-core';
import { inlined } from '../codegen/emitter.ts';
import { compileGraph, primitives } from '../compile/compile-graph.ts';
import { bufferBytes, elementBytes } from '../compile/slot.ts';
import { Buffers } from './buffers.ts';
import { checkLimits } from './check-limits.ts';
import { CommandStream } from './command-stream.ts';
import type { DeviceCounters, HeldMemory } from './counters.ts';
import { zeroCounters } from './counters.ts';
import { expandGraph } from './expand-graph.ts';
import { Failures } from './failures.ts';
import { GpuStorage } from './gpu-storage.ts';
import { fromBytes, toBytes } from './host-bytes.ts';
import { Pipelines } from './pipelines.ts';
import { planMemory } from './plan-memory.ts';
import { WebGpuProgram, outputsMade } from './program.ts';
import { Readback } from './readback.ts';
import { inOrder } from './step-order.ts';

/** How a WebGPU device computes. */
export interface WebGpuDeviceOptions {
  /** Runs every op from its definition, never from a kernel of a package. @defaultValue false */
  readonly definitionsOnly?: boolean;
  /** True when {@link WebGpuDevice.dispose} destroys the `GPUDevice`. @defaultValue false */
  readonly owned?: boolean;
}

/**
 * Runs graphs on a `GPUDevice`: generates WGSL, plans memory, and submits the commands of a turn together.
 *
 * The GPU tells errors after the call. What went wrong since the last of them rejects the next `read` or `compile`:
 * OutOfMemoryError for memory, code `GPU_VALIDATION` for a call that was refused. Once the device is lost, everything that
 * waits and everything later rejects or throws DeviceLostError; disposing stays possible.
 */
export class WebGpuDevice implements Device {
  readonly kind = 'webgpu';
  readonly name: string;
  /** What was done so far. */
  readonly counters: Readonly<DeviceCounters>;
  /** Buffers that exist now, free ones included. */
  readonly held: Readonly<HeldMemory>;
  /** Resolves when the device is lost; never when it is disposed. */
  readonly lost: Promise<DeviceLostError>;
  readonly #device: GPUDevice;
  readonly #failures: Failures;
  readonly #stream: CommandStream;
  readonly #buffers: Buffers;
  readonly #readback: Readback;
  readonly #pipelines: Pipelines;
  readonly #counters: DeviceCounters = zeroCounters();
  readonly #capabilities: GpuCapabilities;
  readonly #definitionsOnly: boolean;
  readonly #owned: boolean;
  #allocated = 0;

  constructor(device: GPUDevice, { definitionsOnly = false, owned = false }: WebGpuDeviceOptions = {}) {
    const held = { buffers: 0, bytes: 0 };
    this.#device = device;
    this.#failures = new Failures(device, held, () => this.#letGo());
    this.#stream = new CommandStream(device, this.#failures, this.#counters);
    this.#buffers = new Buffers(device, this.#failures, this.#stream, this.#counters, held);
    this.#readback = new Readback(this.#failures, this.#stream, this.#buffers);
    this.#pipelines = new Pipelines(device, this.#failures, this.#counters);
    this.#definitionsOnly = definitionsOnly;
    this.#owned = owned;
    this.counters = this.#counters;
    this.held = held;
    this.lost = this.#failures.lost;
    // A page is told no more than a vendor and an architecture.
    const { vendor, architecture, description, subgroupMinSize } = device.adapterInfo ?? {};
    this.name = description || [vendor, architecture].filter((part) => part).join(' ') || 'WebGPU adapter';
    this.#capabilities = { features: new Set(device.features), limits: limitsOf(device), subgroupMinSize };
    // On a device of others, what comes outside of our error scopes is theirs.
    if (owned)
      device.addEventListener('uncapturederror', (event) => {
        event.preventDefault();
        this.#failures.uncaptured(event.error.message);
      });
  }

  get allocatedBytes(): number {
    return this.#allocated;
  }

  /**
   * Generates and compiles the shaders of a graph, and takes memory for it.
   * @throws FeatureUnavailableError when a value is larger than a buffer may be, or a kernel beyond another limit
   * @throws OutOfMemoryError when the GPU has no memory left
   * @throws TesseraError with code `SHADER` when a kernel of a package does not compile
   */
  async compile(graph: Graph, { donate = [] }: CompileOptions = {}): Promise<WebGpuProgram> {
    this.#failures.check();
    const floor = this.#failures.reported;
    const known = expandGraph(graph, (op, types, attributes) => this.#supports(op, types, attributes));
    const donated = new Set(donate);
    const constants: GpuStorage[] = [];
    let program: WebGpuProgram | undefined;
    try {
      const compiled = compileGraph(known, inputSlots(known), (input) => donated.has(input), {
        capabilities: this.#capabilities,
        constant: (tensor) => this.#holdConstant(tensor, constants),
      });
      checkLimits(compiled, this.#capabilities.limits);
      const sources = new Map(inOrder(compiled.steps).dispatches.map(({ source, label }) => [source, label]));
      const pipelines = await Promise.all(
        [...sources].map(async ([source, label]) => [source, await this.#pipelines.get(source, label)] as const),
      );
      program = new WebGpuProgram(known, compiled, new Map(pipelines), donated, constants, {
        device: this.#device,
        buffers: this.#buffers,
        stream: this.#stream,
        failures: this.#failures,
        counters: this.#counters,
        storagesOf: (tensors) => this.#storagesOf(tensors),
        hold: (storage, type) => this.#hold(storage, type),
      });
      await this.#failures.pass(this.#failures.checkpoint(floor));
      return program;
    } catch (error) {
      if (program) program.dispose();
      else for (const storage of constants) this.#buffers.release(storage);
      throw error;
    }
  }

  /** What {@link WebGpuDevice.compile} would take, without taking it; also of a graph that is too large for the device. */
  planMemory(graph: Graph, { donate = [] }: CompileOptions = {}): ProgramMemory {
    const known = expandGraph(graph, (op, types, attributes) => this.#supports(op, types, attributes));
    const donated = new Set(donate);
    const constants: number[] = [];
    const compiled = compileGraph(known, inputSlots(known), (input) => donated.has(input), {
      capabilities: this.#capabilities,
      constant: (tensor) => {
        if (tensor.source.kind !== 'resident') constants.push(this.#buffers.sizeFor(bufferBytes(tensor)));
        return {} as GPUBuffer; // Nothing is bound to it.
      },
    });
    const sizes = (all: readonly number[]): number[] => all.map((bytes) => this.#buffers.sizeFor(bytes));
    return {
      temporaries: sizes(planMemory(compiled).sizes),
      outputs: sizes(outputsMade(compiled).map(({ bytes }) => bytes)),
      constants,
    };
  }

  upload(data: HostArray, type: TensorType): Tensor {
    this.#failures.check();
    return this.#hold(
      this.#failures.scope('upload', () => this.#write(data, type)),
      type,
    );
  }

  allocate(type: TensorType): Tensor {
    this.#failures.check();
    const bytes = bufferBytes(type);
    return this.#hold(new GpuStorage(this.#buffers.take('allocate', bytes), bytes), type);
  }

  write(tensor: Tensor, data: HostArray, offset = 0): void {
    this.#failures.check();
    const size = sizeOf(tensor.shape);
    const end = offset + data.length;
    const whole = !isPacked(tensor.dtype) || (offset % 2 === 0 && (end % 2 === 0 || end === size));
    if (offset < 0 || end > size || !whole)
      throw new ShapeError(
        `write: ${data.length} elements from ${offset} on do not fit a tensor of ${tensor.dtype}${showShape(tensor.shape)}, or begin or end within a word.`,
      );
    const { buffer } = this.#residentStorage(tensor);
    const bytes = toBytes(data, { dtype: tensor.dtype, shape: [data.length] });
    this.#stream.submit();
    this.#failures.scope('write', () =>
      this.#device.queue.writeBuffer(buffer, offset * elementBytes(tensor.dtype), bytes),
    );
  }

  async read(tensor: Tensor): Promise<HostArray> {
    this.#failures.check();
    const { buffer } = this.#residentStorage(tensor);
    this.#counters.reads++;
    if (sizeOf(tensor.shape) === 0) return allocateHost(tensor.dtype, 0);
    return fromBytes(await this.#readback.read(buffer, bufferBytes(tensor)), tensor);
  }

  release(storage: Storage): void {
    this.#allocated -= storage.bytes;
    this.#buffers.release(storage as GpuStorage);
  }

  /** Frees all buffers, also those of tensors and programs that were not disposed; what waits rejects. Idempotent. */
  dispose(): void {
    this.#failures.end(new TesseraError('DISPOSED', 'The device was disposed. Request another one.'));
    this.#letGo();
    if (this.#owned) this.#device.destroy();
  }

  #letGo(): void {
    this.#stream.submit(); // Ended: this drops what waits.
    this.#buffers.dispose();
    this.#pipelines.clear();
  }

  #supports(
    op: Op,
    types: { inputs: readonly TensorType[]; outputs: readonly TensorType[] },
    attributes: object,
  ): boolean {
    if (inlined.has(op.id) || primitives.has(op.id)) return true;
    return (
      op.kernels?.some(
        (kernel) =>
          kernel.backend === 'webgpu' && (kernel.when?.(this.#capabilities, { ...types, attributes }) ?? true),
      ) === true && !this.#definitionsOnly
    );
  }

  #hold(storage: GpuStorage, type: TensorType): Tensor {
    this.#allocated += storage.bytes;
    return new Tensor(type, { kind: 'resident', device: this, storage });
  }

  #holdConstant(tensor: Tensor, constants: GpuStorage[]): GPUBuffer {
    const storage = this.#storagesOf([tensor])[0]!;
    if (tensor.source.kind === 'resident') storage.references++;
    constants.push(storage);
    return storage.buffer;
  }

  #residentStorage(tensor: Tensor): GpuStorage {
    const { source } = tensor;
    if (source.kind === 'resident' && source.device === this) return source.storage as GpuStorage;
    throw source.kind === 'disposed'
      ? new TesseraError(
          'DISPOSED',
          `A tensor of shape ${showShape(tensor.shape)} was disposed before its last use. Keep it until then.`,
        )
      : new TesseraError(
          'NOT_RESIDENT',
          `A tensor of shape ${showShape(tensor.shape)} is not on this device. Evaluate it here first.`,
        );
  }

  /** Refuses before it uploads anything. */
  #storagesOf(tensors: readonly Tensor[]): GpuStorage[] {
    let onHost = false;
    const storages = tensors.map((tensor) => {
      if (tensor.source.kind !== 'host') return this.#residentStorage(tensor);
      onHost = true;
      return undefined;
    });
    if (onHost)
      this.#failures.scope('upload', () => {
        tensors.forEach((tensor, index) => {
          if (tensor.source.kind === 'host') storages[index] = this.#write(tensor.source.data, tensor);
        });
      });
    return storages as GpuStorage[];
  }

  #write(data: HostArray, type: TensorType): GpuStorage {
    const bytes = bufferBytes(type);
    const buffer = this.#buffers.takeForHost('upload', bytes);
    this.#device.queue.writeBuffer(buffer, 0, toBytes(data, type));
    return new GpuStorage(buffer, bytes);
  }
}

function inputSlots({ types, inputs }: Graph): { bytes: number; role: { kind: 'input'; index: number } }[] {
  return types.slice(0, inputs).map((type, index) => ({ bytes: bufferBytes(type), role: { kind: 'input', index } }));
}

function limitsOf(device: GPUDevice): Record<string, number> {
  const limits: Record<string, number> = {};
  for (const key in device.limits) limits[key] = (device.limits as unknown as Record<string, number>)[key]!;
  return limits;
}
