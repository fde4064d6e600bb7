import type {
  CompileOptions,
  Device,
  GpuCapabilities,
  Graph,
  HostArray,
  Op,
  Storage,
  TensorType,
} from '@tessera/tensor-core';
import {
  DeviceLostError,
  ShapeError,
  Tensor,
  TesseraError,
  allocateHost,
  expand,
  isPacked,
  showShape,
  sizeOf,
} from '@tessera/tensor-core';
import { inlined } from '../codegen/emitter.ts';
import { compileGraph, primitives } from '../compile/compile-graph.ts';
import type { Step } from '../compile/compile-graph.ts';
import { bufferBytes, elementBytes } from '../compile/slot.ts';
import { BufferPool, GpuStorage } from './gpu-storage.ts';
import { WebGpuProgram } from './program.ts';
import { Readback } from './readback.ts';

/** How a WebGPU device computes. */
export interface WebGpuDeviceOptions {
  /** Runs every op from its definition, never from a kernel of a package. @defaultValue false */
  readonly definitionsOnly?: boolean;
  /** True when {@link WebGpuDevice.dispose} destroys the `GPUDevice`. @defaultValue false */
  readonly owned?: boolean;
}

/** Runs graphs on a `GPUDevice`: generates WGSL, plans memory, and submits one command buffer a run. */
export class WebGpuDevice implements Device {
  readonly kind = 'webgpu';
  readonly name: string;
  /** What was done so far, for tests and benchmarks. */
  readonly counters: { dispatches: number; submits: number; bindGroups: number; pipelines: number } = {
    dispatches: 0,
    submits: 0,
    bindGroups: 0,
    pipelines: 0,
  };
  readonly #device: GPUDevice;
  readonly #pool: BufferPool;
  readonly #readback: Readback;
  readonly #capabilities: GpuCapabilities;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #definitionsOnly: boolean;
  readonly #owned: boolean;
  #allocated = 0;
  #lost: DeviceLostError | undefined;

  constructor(device: GPUDevice, { definitionsOnly = false, owned = false }: WebGpuDeviceOptions = {}) {
    this.#device = device;
    this.#pool = new BufferPool(device);
    this.#readback = new Readback(device);
    this.#definitionsOnly = definitionsOnly;
    this.#owned = owned;
    const { vendor, architecture, description } = device.adapterInfo ?? {};
    this.name = [description, vendor, architecture].find((part) => part) ?? 'WebGPU adapter';
    this.#capabilities = { features: new Set(device.features), limits: limitsOf(device) };
    void device.lost.then((info) => {
      this.#lost = new DeviceLostError(
        `The GPU device was lost (${info.reason}): ${info.message} Load the model again.`,
        { facts: { reason: info.reason } },
      );
    });
  }

  get allocatedBytes(): number {
    return this.#allocated;
  }

  /** Buffers created so far. */
  get buffersCreated(): number {
    return this.#pool.created;
  }

  async compile(graph: Graph, { donate = [] }: CompileOptions = {}): Promise<WebGpuProgram> {
    this.#checkAlive();
    const known = expandScans(graph, (op, types, attributes) => this.#supports(op, types, attributes));
    const donated = new Set(donate);
    const inputs = known.types
      .slice(0, known.inputs)
      .map((type, index) => ({ bytes: bufferBytes(type), role: { kind: 'input', index } as const }));
    const constants: GpuStorage[] = [];
    const compiled = compileGraph(known, inputs, (input) => donated.has(input), {
      capabilities: this.#capabilities,
      constant: (tensor) => {
        const storage = this.#storageOf(tensor);
        if (tensor.source.kind === 'resident') storage.references++;
        constants.push(storage);
        return storage.buffer;
      },
    });
    const sources = new Map<string, string>();
    const collect = (steps: readonly Step[]): void =>
      steps.forEach((step) => (step.kind === 'dispatch' ? sources.set(step.source, step.label) : collect(step.steps)));
    collect(compiled.steps);
    const pipelines = new Map(
      await Promise.all(
        [...sources].map(async ([source, label]) => [source, await this.#pipeline(source, label)] as const),
      ),
    );
    return new WebGpuProgram(known, compiled, pipelines, donated, constants, {
      device: this.#device,
      pool: this.#pool,
      counters: this.counters,
      storageOf: (tensor) => this.#storageOf(tensor),
      hold: (storage, type) => this.#hold(storage, type),
    });
  }

  upload(data: HostArray, type: TensorType): Tensor {
    this.#checkAlive();
    return this.#hold(this.#write(data, type), type);
  }

  allocate(type: TensorType): Tensor {
    this.#checkAlive();
    const bytes = bufferBytes(type);
    return this.#hold(new GpuStorage(this.#pool.take(bytes), bytes), type);
  }

  write(tensor: Tensor, data: HostArray, offset = 0): void {
    this.#checkAlive();
    const size = sizeOf(tensor.shape);
    const place = offset * elementBytes(tensor.dtype);
    if (offset < 0 || offset + data.length > size || place % 4 !== 0)
      throw new ShapeError(
        `write: ${data.length} elements from ${offset} on do not fit a tensor of ${tensor.dtype}${showShape(tensor.shape)}, or begin within a word.`,
      );
    const bytes = toBytes(data, { dtype: tensor.dtype, shape: [data.length] });
    this.#device.queue.writeBuffer(this.#storageOf(tensor).buffer, place, bytes);
  }

  async read(tensor: Tensor): Promise<HostArray> {
    this.#checkAlive();
    const { source } = tensor;
    if (source.kind !== 'resident' || source.device !== this)
      throw new TesseraError(
        'NOT_RESIDENT',
        `A tensor of shape ${showShape(tensor.shape)} is not on this device. Evaluate it here first.`,
      );
    const size = sizeOf(tensor.shape);
    if (size === 0) return allocateHost(tensor.dtype, 0);
    try {
      const bytes = await this.#readback.read((source.storage as GpuStorage).buffer, bufferBytes(tensor));
      return fromBytes(bytes, tensor, size);
    } catch (error) {
      throw this.#lost ?? error;
    }
  }

  release(storage: Storage): void {
    const held = storage as GpuStorage;
    this.#allocated -= held.bytes;
    held.references--;
    if (held.references === 0 && !held.kept) this.#pool.give(held.buffer);
  }

  dispose(): void {
    this.#pool.dispose();
    this.#readback.dispose();
    if (this.#owned) this.#device.destroy();
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

  async #pipeline(source: string, label: string): Promise<GPUComputePipeline> {
    let pipeline = this.#pipelines.get(source);
    if (!pipeline) {
      this.counters.pipelines++;
      pipeline = this.#compileShader(source, label);
      this.#pipelines.set(source, pipeline);
      pipeline.catch(() => this.#pipelines.delete(source));
    }
    return pipeline;
  }

  async #compileShader(source: string, label: string): Promise<GPUComputePipeline> {
    this.#device.pushErrorScope('validation');
    const module = this.#device.createShaderModule({ code: source, label });
    const problem = this.#device.popErrorScope();
    try {
      return await this.#device.createComputePipelineAsync({
        label,
        layout: 'auto',
        compute: { module, entryPoint: 'main' },
      });
    } catch (error) {
      const validation = await problem;
      throw (
        this.#lost ??
        new TesseraError(
          'SHADER',
          `The shader '${label}' does not compile: ${validation?.message ?? String(error)}\n${source}`,
          { cause: error },
        )
      );
    } finally {
      await problem;
    }
  }

  #hold(storage: GpuStorage, type: TensorType): Tensor {
    this.#allocated += storage.bytes;
    return new Tensor(type, { kind: 'resident', device: this, storage });
  }

  #storageOf(tensor: Tensor): GpuStorage {
    const { source } = tensor;
    if (source.kind === 'resident' && source.device === this) return source.storage as GpuStorage;
    if (source.kind === 'host') return this.#write(source.data, tensor);
    throw new TesseraError(
      'NOT_RESIDENT',
      `A tensor of shape ${showShape(tensor.shape)} is not on this device${source.kind === 'disposed' ? ': it was disposed before its last use' : ''}.`,
    );
  }

  #write(data: HostArray, type: TensorType): GpuStorage {
    const bytes = bufferBytes(type);
    const buffer = this.#pool.take(bytes);
    this.#device.queue.writeBuffer(buffer, 0, toBytes(data, type));
    return new GpuStorage(buffer, bytes);
  }

  #checkAlive(): void {
    if (this.#lost) throw this.#lost;
  }
}

/** Expands definitions inside the bodies of loops too. */
function expandScans(
  graph: Graph,
  supports: (
    op: Op,
    types: { inputs: readonly TensorType[]; outputs: readonly TensorType[] },
    attributes: object,
  ) => boolean,
): Graph {
  const expanded = expand(graph, supports);
  return {
    ...expanded,
    nodes: expanded.nodes.map((node) =>
      'body' in node.attributes
        ? { ...node, attributes: { ...node.attributes, body: expandScans(node.attributes.body as Graph, supports) } }
        : node,
    ),
  };
}

function limitsOf(device: GPUDevice): Record<string, number> {
  const limits: Record<string, number> = {};
  for (const key in device.limits) limits[key] = (device.limits as unknown as Record<string, number>)[key]!;
  return limits;
}

/** Elements as a buffer holds them. */
function toBytes(data: HostArray, { dtype, shape }: TensorType): Uint8Array<ArrayBuffer> {
  const size = sizeOf(shape);
  if (dtype === 'bool') return new Uint8Array(Uint32Array.from(data).buffer);
  if (dtype === 'f32' && data instanceof Float64Array) return new Uint8Array(Float32Array.from(data).buffer);
  const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  if (!isPacked(dtype) || size % 2 === 0) return bytes;
  const padded = new Uint8Array(bytes.length + 2);
  padded.set(bytes);
  return padded;
}

function fromBytes(buffer: ArrayBuffer, { dtype }: TensorType, size: number): HostArray {
  switch (dtype) {
    case 'f32':
      return new Float32Array(buffer, 0, size);
    case 'i32':
      return new Int32Array(buffer, 0, size);
    case 'u32':
      return new Uint32Array(buffer, 0, size);
    case 'bool':
      return Uint8Array.from(new Uint32Array(buffer, 0, size));
    default:
      return new Uint16Array(buffer, 0, size);
  }
}
