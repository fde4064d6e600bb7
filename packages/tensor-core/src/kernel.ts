import type { HostArray } from './dtype.ts';
import type { Attributes, TensorType } from './op.ts';
import type { Shape } from './shape.ts';

/** What a GPU can do, as far as kernels choose by it. */
export interface GpuCapabilities {
  /** `shader-f16`, `subgroups`, … as the device names them. */
  readonly features: ReadonlySet<string>;
  /** Limits of the device, for example `maxComputeWorkgroupStorageSize`; `gpuLimit` reads one. */
  readonly limits: Readonly<Record<string, number>>;
  /** Lanes of the narrowest subgroup that a shader may get, a power of two from 4. Undefined: the adapter does not say. */
  readonly subgroupMinSize?: number | undefined;
}

/** The types of one call, from which a kernel generates its source and grid. */
export interface KernelCall<A extends Attributes> {
  readonly inputs: readonly TensorType[];
  readonly outputs: readonly TensorType[];
  readonly attributes: A;
}

/** What every WebGPU kernel says of itself. */
interface WebGpuKernelHead<A extends Attributes> {
  readonly backend: 'webgpu';
  /** Told in benchmarks and errors. */
  readonly name: string;
  /** Whether the kernel can run this call on such a device. Absent: always. */
  when?(capabilities: GpuCapabilities, call: KernelCall<A>): boolean;
}

/**
 * A norm of rows as factors: y = x · element · row, with x the first input, rows along its last axis. The other inputs are as long as a row.
 */
export interface RowFactors {
  /** WGSL of the factor of an element from those of the other inputs: numbers, or four at once. */
  element(parameters: readonly string[]): string;
  /** WGSL of the factor of a row from the mean of its squares. */
  row(meanSquare: string): string;
}

/** A WebGPU kernel as plain data, so that any package brings one without importing the executor: one dispatch. */
export interface WebGpuDispatchKernel<A extends Attributes> extends WebGpuKernelHead<A> {
  /** WGSL with one entry point `main`; inputs, then outputs, are bound in order at `@group(0)`. */
  source(call: KernelCall<A>, capabilities: GpuCapabilities): string;
  /** Workgroups to dispatch. */
  grid(call: KernelCall<A>): readonly [number, number, number];
  /**
   * Outputs, by index, that begin as the value of an input, by index, and are written over it where nobody else needs it.
   * Such an input is not bound; its output is `read_write`.
   */
  readonly inPlace?: Readonly<Record<number, number>>;
  /** For a norm: what it multiplies by, so that products of few rows do it along the way and nothing waits for this kernel. */
  rowFactors?(attributes: A): RowFactors;
}

/** One dispatch of a {@link WebGpuPassesKernel}. */
export interface KernelPass {
  /** WGSL with one entry point `main`. */
  readonly source: string;
  readonly grid: readonly [number, number, number];
  /** What is bound in order at `@group(0)`. An output or a temporary is `read_write` where `write` is true, else `read`. */
  readonly bindings: readonly {
    readonly of: 'input' | 'output' | 'temporary';
    readonly index: number;
    readonly write?: boolean;
  }[];
}

/** A WebGPU kernel of several dispatches that hand temporaries on. */
export interface WebGpuPassesKernel<A extends Attributes> extends WebGpuKernelHead<A> {
  /** The dispatches in order, and the types of the temporaries that they bind. */
  passes(
    call: KernelCall<A>,
    capabilities: GpuCapabilities,
  ): { readonly temporaries: readonly TensorType[]; readonly passes: readonly KernelPass[] };
}

/** A WebGPU kernel. */
export type WebGpuKernel<A extends Attributes> = WebGpuDispatchKernel<A> | WebGpuPassesKernel<A>;

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
  /**
   * Inputs, by number, whose numbers of 16 bits (`f16`, `bf16`) it can read, as the words that they are. Where another one is kept so, the
   * definition runs, since words read as numbers would be wrong without an error. @defaultValue none
   */
  readonly packed?: readonly number[] | undefined;
  /** Computes every element of the outputs. Inputs and outputs never share memory. */
  run(call: {
    readonly inputs: readonly HostView[];
    readonly outputs: readonly HostView[];
    readonly attributes: A;
  }): void;
}

/** An acceleration of an op. Its test is the op's definition. */
export type Kernel<A extends Attributes = Attributes> = WebGpuKernel<A> | CpuKernel<A>;
