import type { HostArray } from './dtype.ts';
import type { DeviceLostError } from './errors.ts';
import type { Graph } from './graph.ts';
import type { TensorType } from './op.ts';
import type { Tensor } from './tensor.ts';

/** What a device keeps for a tensor. Opaque outside its executor. */
export interface Storage {
  /** Bytes held. */
  readonly bytes: number;
}

/** How a graph is compiled. */
export interface CompileOptions {
  /** Indices of inputs that the program may overwrite: after `run`, those tensors are disposed. */
  readonly donate?: readonly number[];
}

/** Memory that a program takes beside its inputs, bytes of each buffer. */
export interface ProgramMemory {
  /** Values that come and go in a run, kept for the next one. */
  readonly temporaries: readonly number[];
  /** Outputs that do not lie in a donated input. */
  readonly outputs: readonly number[];
  /** Constants that were not on the device before. */
  readonly constants: readonly number[];
}

/** A graph made ready for one device. */
export interface Program {
  readonly graph: Graph;
  /** Absent: the device does not plan memory. */
  readonly memory?: ProgramMemory;
  /** Runs the graph. Outputs are resident on the device; the work may still be under way when this returns. */
  run(inputs: readonly Tensor[]): readonly Tensor[];
  /** Frees what the program holds. Idempotent. */
  dispose(): void;
}

/** Something that runs graphs. */
export interface Device {
  readonly kind: 'cpu' | 'webgpu';
  /** Name of the adapter, for people. */
  readonly name: string;
  /** Bytes that resident tensors hold now. */
  readonly allocatedBytes: number;
  /**
   * Resolves with the reason when the device is lost. From then on everything that waits rejects with it, and everything
   * but disposing throws it. Absent: the device cannot be lost.
   */
  readonly lost?: Promise<DeviceLostError>;
  /**
   * True for a device that works in this thread and its memory: `run` returns when the work is done, and `upload` takes the
   * array over. There is nothing to gain from running ahead, from choosing tokens there, or from writing in pieces.
   * @defaultValue false
   */
  readonly onHost?: boolean;
  /** Makes a graph ready to run. */
  compile(graph: Graph, options?: CompileOptions): Promise<Program>;
  /** What {@link Device.compile} would take, without taking it. Absent: the device does not plan memory. */
  planMemory?(graph: Graph, options?: CompileOptions): ProgramMemory;
  /** Places a constant on the device. Elements are those of `type.dtype`, row-major. */
  upload(data: HostArray, type: TensorType): Tensor;
  /** A resident tensor whose elements are anything until they are written: what is streamed from files comes in pieces. */
  allocate(type: TensorType): Tensor;
  /**
   * Writes elements over a part of a resident tensor; work that was run before does not see them. Of sixteen-bit floats an
   * even number at an even place, unless they reach to the end.
   * @param offset - the first element written. @defaultValue 0
   */
  write(tensor: Tensor, data: HostArray, offset?: number): void;
  /** Reads a resident tensor back. The result is a copy. Called in the same turn as `run`, it goes with that work. */
  read(tensor: Tensor): Promise<HostArray>;
  /** Frees a storage; called by {@link Tensor.dispose}. */
  release(storage: Storage): void;
  /** Frees everything. Never destroys a device that was handed in. */
  dispose(): void;
}
