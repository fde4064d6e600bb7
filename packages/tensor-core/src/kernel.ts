import type { HostArray } from './dtype.ts';
import type { Attributes, TensorType } from './op.ts';
import type { Shape } from './shape.ts';

/** What a GPU can do, as far as kernels choose by it. */
export interface GpuCapabilities {
  /** `shader-f16`, `subgroups`, … as the device names them. */
  readonly features: ReadonlySet<string>;
  /** Limits of the device, for example `maxComputeWorkgroupStorageSize`. */
  readonly limits: Readonly<Record<string, number>>;
}

/** The types of one call, from which a kernel generates its source and grid. */
export interface KernelCall<A extends Attributes> {
  readonly inputs: readonly TensorType[];
  readonly outputs: readonly TensorType[];
  readonly attributes: A;
}

/** A WebGPU kernel as plain data, so that any package brings one without importing the executor. */
export interface WebGpuKernel<A extends Attributes> {
  readonly backend: 'webgpu';
  /** Told in benchmarks and errors. */
  readonly name: string;
  /** Whether the kernel can run this call on such a device. Absent: always. */
  when?(capabilities: GpuCapabilities, call: KernelCall<A>): boolean;
  /** WGSL with one entry point `main`; inputs, then outputs, are bound in order at `@group(0)`. */
  source(call: KernelCall<A>, capabilities: GpuCapabilities): string;
  /** Workgroups to dispatch. */
  grid(call: KernelCall<A>): readonly [number, number, number];
  /** Input that each output may overwrite, by index. */
  readonly inPlace?: Readonly<Record<number, number>>;
}

/** A contiguous row-major array as a CPU kernel sees it. */
export interface HostView {
  readonly data: HostArray;
  /** Index of the first element. */
  readonly offset: number;
  readonly shape: Shape;
}

/** A CPU kernel: plain loops over contiguous arrays. Outputs are allocated and may hold garbage. */
export interface CpuKernel<A extends Attributes> {
  readonly backend: 'cpu';
  readonly name: string;
  /** Whether the kernel can run this call. Absent: always. */
  when?(call: KernelCall<A>): boolean;
  /** Computes every element of the outputs. Inputs and outputs never share memory. */
  run(call: {
    readonly inputs: readonly HostView[];
    readonly outputs: readonly HostView[];
    readonly attributes: A;
  }): void;
}

/** An acceleration of an op. Its test is the op's definition. */
export type Kernel<A extends Attributes = Attributes> = WebGpuKernel<A> | CpuKernel<A>;
