import type { CompileOptions, Device, Program, Storage } from '../device.ts';
import type { HostArray } from '../dtype.ts';
import { allocateHost } from '../dtype.ts';
import { ShapeError, TesseraError } from '../errors.ts';
import type { Graph } from '../graph.ts';
import type { TensorType } from '../op.ts';
import { sameShape, showShape, sizeOf } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import type { CpuArray } from './array.ts';
import { CpuPool, bytesOf, contiguous, view } from './array.ts';
import { simdProducts } from './simd-products.ts';
import type { SimdProducts } from './simd-products.ts';
import { CpuRoutine, borrowHost } from './program.ts';

/** How a CPU device computes. */
export interface CpuDeviceOptions {
  /** `f64` runs any graph with doubles in place of f32: the oracle of tests. @defaultValue 'f32' */
  readonly precision?: 'f32' | 'f64';
  /** Runs every op from its definition, never from a kernel. @defaultValue false */
  readonly definitionsOnly?: boolean;
  /**
   * Larger products of matrices go four numbers at a time through a small WebAssembly module, accumulated in single
   * precision, where WebAssembly may be compiled. Never with `f64` or `definitionsOnly`. @defaultValue true
   */
  readonly simd?: boolean;
  /** Fills fresh memory with NaN, so that an unwritten element shows. @defaultValue false */
  readonly poison?: boolean;
}

/** A value that a CPU device holds. */
class CpuHandle implements Storage {
  readonly array: CpuArray;
  readonly bytes: number;

  constructor(array: CpuArray) {
    this.array = array;
    this.bytes = bytesOf(array.dtype, array.shape);
  }
}

/**
 * Runs graphs on the CPU, in this thread: the reference that every other device is tested against. Sums and products of
 * matrices are accumulated in double precision and in order (larger products in single precision, see
 * {@link CpuDeviceOptions.simd}), so that a row never depends on its neighbours.
 */
export class CpuDevice implements Device {
  readonly kind = 'cpu';
  readonly name = 'CPU (JavaScript)';
  readonly onHost: boolean = true;
  readonly #pool: CpuPool;
  readonly #wide: boolean;
  readonly #definitionsOnly: boolean;
  readonly #simd: SimdProducts | undefined;
  #allocated = 0;

  constructor({ precision = 'f32', definitionsOnly = false, poison = false, simd = true }: CpuDeviceOptions = {}) {
    this.#wide = precision === 'f64';
    this.#definitionsOnly = definitionsOnly;
    this.#simd = simd && !this.#wide && !definitionsOnly ? simdProducts() : undefined;
    this.#pool = new CpuPool(this.#wide, poison);
  }

  get allocatedBytes(): number {
    return this.#allocated;
  }

  /** The graph as a program. The promise is there for devices that compile in the background. */
  compile(graph: Graph, options: CompileOptions = {}): Promise<Program> {
    return Promise.resolve(this.prepare(graph, options));
  }

  /** As {@link CpuDevice.compile}, at once. */
  prepare(graph: Graph, { donate = [] }: CompileOptions = {}): Program {
    const routine = new CpuRoutine(graph, {
      pool: this.#pool,
      wide: this.#wide,
      definitionsOnly: this.#definitionsOnly,
      simd: this.#simd,
      constant: (of, index) => this.#arrayOf(of.constants[index]!),
    });
    const donated = new Set(donate);
    return {
      graph,
      run: (inputs) => {
        if (inputs.length !== graph.inputs)
          throw new TesseraError('SHAPE', `program: takes ${graph.inputs} inputs, got ${inputs.length}.`);
        const arrays = inputs.map((input, index) => {
          const type = graph.types[index]!;
          if (input.dtype !== type.dtype || !sameShape(input.shape, type.shape))
            throw new TesseraError(
              'SHAPE',
              `program: input ${index} is ${input.dtype}${showShape(input.shape)}, expected ${type.dtype}${showShape(type.shape)}.`,
            );
          return this.#arrayOf(input);
        });
        const taken = arrays.map((array) => view(array, {}));
        // Only now, so that a tensor given twice still counts two references and is not overwritten.
        for (const index of donated) inputs[index]!.dispose();
        return routine.run(taken).map((array) => this.#hold(array));
      },
      dispose: () => {},
    };
  }

  upload(data: HostArray, type: TensorType): Tensor {
    const converted = this.#convert(data, type);
    return this.#hold(borrowHost(converted, type));
  }

  allocate(type: TensorType): Tensor {
    return this.upload(allocateHost(type.dtype, sizeOf(type.shape), this.#wide), type);
  }

  write(tensor: Tensor, data: HostArray, offset = 0): void {
    if (tensor.source.kind === 'host')
      throw new TesseraError(
        'NOT_RESIDENT',
        `write: the tensor of shape ${showShape(tensor.shape)} is a constant of the host. Allocate one on the device.`,
      );
    const { storage, offset: first } = this.#arrayOf(tensor);
    if (offset < 0 || offset + data.length > sizeOf(tensor.shape))
      throw new ShapeError(
        `write: ${data.length} elements from ${offset} on do not fit a tensor of shape ${showShape(tensor.shape)}.`,
      );
    storage.data.set(data, first + offset);
  }

  read(tensor: Tensor): Promise<HostArray> {
    const flat = contiguous(this.#arrayOf(tensor), this.#pool);
    const copy = flat.storage.data.slice(flat.offset, flat.offset + sizeOf(tensor.shape));
    this.#pool.drop(flat);
    return Promise.resolve(copy);
  }

  release(storage: Storage): void {
    const handle = storage as CpuHandle;
    this.#allocated -= handle.bytes;
    this.#pool.drop(handle.array);
  }

  /** Lets go of the memory kept for later runs. Tensors stay readable. */
  dispose(): void {
    this.#pool.clear();
  }

  #hold(array: CpuArray): Tensor {
    const handle = new CpuHandle(array);
    this.#allocated += handle.bytes;
    return new Tensor(array, { kind: 'resident', device: this, storage: handle });
  }

  #arrayOf(tensor: Tensor): CpuArray {
    const { source } = tensor;
    if (source.kind === 'host') return borrowHost(this.#convert(source.data, tensor), tensor);
    if (source.kind === 'resident' && source.device === this) return (source.storage as CpuHandle).array;
    if (source.kind === 'disposed')
      throw new TesseraError(
        'DISPOSED',
        `A tensor of shape ${showShape(tensor.shape)} was disposed before its last use.`,
      );
    throw new TesseraError(
      'NOT_RESIDENT',
      `A tensor of shape ${showShape(tensor.shape)} is not on this device. Evaluate it here first.`,
    );
  }

  #convert(data: HostArray, type: TensorType): HostArray {
    if (type.dtype !== 'f32' || data instanceof Float64Array === this.#wide) return data;
    const converted = allocateHost('f32', data.length, this.#wide);
    converted.set(data);
    return converted;
  }
}
