import type { WebGpuDevice, WebGpuProgram } from '@tessera/kernels-webgpu';
import type {
  CompileOptions,
  Device,
  Graph,
  HostArray,
  Program,
  ProgramMemory,
  Storage,
  Tensor,
  TensorType,
} from '@tessera/tensor-core';

/** A program that went through a {@link WatchedDevice}. */
export interface WatchedProgram {
  readonly program: WebGpuProgram;
  /** Milliseconds until it was compiled. */
  readonly compileMs: number;
  /** Host time of each of its runs, microseconds. */
  readonly host: number[];
  /** What it was run with last. */
  inputs: readonly Tensor[];
}

/** Hands everything on to a device, and sees what a trainer does there. Tensors belong to the device itself. */
export class WatchedDevice implements Device {
  readonly kind = 'webgpu';
  readonly name: string;
  /** In the order in which they were compiled. */
  readonly programs: WatchedProgram[] = [];
  /** The most bytes that buffers held when a run had been recorded, free ones included. */
  mostHeld = 0;
  readonly #device: WebGpuDevice;

  constructor(device: WebGpuDevice) {
    this.#device = device;
    this.name = device.name;
  }

  get allocatedBytes(): number {
    return this.#device.allocatedBytes;
  }

  async compile(graph: Graph, options?: CompileOptions): Promise<Program> {
    const begun = performance.now();
    const program = await this.#device.compile(graph, options);
    const watched: WatchedProgram = { program, compileMs: performance.now() - begun, host: [], inputs: [] };
    this.programs.push(watched);
    return {
      graph: program.graph,
      memory: program.memory,
      run: (inputs) => {
        watched.inputs = inputs;
        const start = performance.now();
        const outputs = program.run(inputs);
        watched.host.push(1000 * (performance.now() - start));
        this.mostHeld = Math.max(this.mostHeld, this.#device.held.bytes);
        return outputs;
      },
      dispose: () => program.dispose(),
    };
  }

  planMemory(graph: Graph, options?: CompileOptions): ProgramMemory {
    return this.#device.planMemory(graph, options);
  }

  upload(data: HostArray, type: TensorType): Tensor {
    return this.#device.upload(data, type);
  }

  allocate(type: TensorType): Tensor {
    return this.#device.allocate(type);
  }

  write(tensor: Tensor, data: HostArray, offset?: number): void {
    this.#device.write(tensor, data, offset);
  }

  read(tensor: Tensor): Promise<HostArray> {
    return this.#device.read(tensor);
  }

  release(storage: Storage): void {
    this.#device.release(storage);
  }

  /** Nothing: the device is not its own. */
  dispose(): void {}
}
