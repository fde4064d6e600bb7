import type { Device, Storage } from './device.ts';
import type { DType, HostArray } from './dtype.ts';
import { allocateHost } from './dtype.ts';
import { toElement } from './element.ts';
import { ShapeError, TesseraError } from './errors.ts';
import type { Attributes, Op, TensorType } from './op.ts';
import type { Shape } from './shape.ts';
import { checkShape, showShape, sizeOf } from './shape.ts';

const tensorMark = Symbol.for('tessera/tensor');

/** True for tensors, also those of another copy of the package. */
export function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && tensorMark in value;
}

/** One recorded application of an op. */
export interface OpNode {
  readonly op: Op;
  readonly attributes: Attributes;
  readonly inputs: readonly Tensor[];
  readonly types: readonly TensorType[];
}

/** Where the value of a tensor comes from. */
export type TensorSource =
  | { readonly kind: 'node'; readonly node: OpNode; readonly index: number }
  | { readonly kind: 'host'; readonly data: HostArray }
  | { readonly kind: 'resident'; readonly device: Device; readonly storage: Storage }
  | { readonly kind: 'placeholder' }
  | { readonly kind: 'disposed' };

/**
 * A deferred n-dimensional array. Code that computes with tensors reads as eager code and records; work happens when a
 * value is read or a graph is run. A tensor never changes its value.
 */
export class Tensor {
  static {
    Object.defineProperty(this.prototype, tensorMark, { value: true });
  }

  readonly shape: Shape;
  readonly dtype: DType;
  /** Where the value comes from. Executors change it from recorded to resident; the value stays the same. */
  source: TensorSource;

  constructor(type: TensorType, source: TensorSource) {
    this.shape = type.shape;
    this.dtype = type.dtype;
    this.source = source;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  /** Frees what the tensor holds on a device. Reading it afterwards is an error. Disposing twice is fine. */
  dispose(): void {
    if (this.source.kind === 'resident') this.source.device.release(this.source.storage);
    if (this.source.kind !== 'placeholder') this.source = { kind: 'disposed' };
  }

  /** As {@link Tensor.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Anything that an elementwise op takes as an operand. */
export type Operand = Tensor | number;

/** Records one application of an op and returns its outputs. */
export function apply<A extends Attributes>(op: Op<A>, inputs: readonly Tensor[], attributes: A): readonly Tensor[] {
  for (const input of inputs)
    if (input.source.kind === 'disposed')
      throw new TesseraError(
        'DISPOSED',
        `${op.id}: an input of shape ${showShape(input.shape)} was disposed. Keep it until its last use.`,
      );
  const types = op.infer(inputs, attributes);
  const node: OpNode = { op: op as unknown as Op, attributes, inputs, types };
  return types.map((type, index) => new Tensor(type, { kind: 'node', node, index }));
}

/** Records an op that has a single output. */
export function apply1<A extends Attributes>(op: Op<A>, inputs: readonly Tensor[], attributes: A): Tensor {
  return apply(op, inputs, attributes)[0]!;
}

/** Nested lists of numbers, as `tensor` takes them. */
export type NestedNumbers = number | readonly NestedNumbers[];

/** What {@link tensor} takes beside the values. */
export interface TensorOptions {
  /** @defaultValue that of the nested lists; one axis for a typed array */
  readonly shape?: Shape;
  /** @defaultValue `f32` for lists; that of a typed array */
  readonly dtype?: DType;
}

/**
 * A constant from nested lists or a typed array.
 * @throws {@link ShapeError} when lists are ragged or the number of elements does not fit the shape
 */
export function tensor(values: NestedNumbers | HostArray, options: TensorOptions = {}): Tensor {
  if (ArrayBuffer.isView(values)) {
    const dtype = options.dtype ?? dtypeOf(values);
    return fromHost(values, options.shape ?? [values.length], dtype);
  }
  const dtype = options.dtype ?? 'f32';
  const shape: number[] = [];
  for (let level = values; typeof level !== 'number'; level = level[0]!) {
    shape.push(level.length);
    if (level.length === 0) break;
  }
  const flat: number[] = [];
  const visit = (level: NestedNumbers, depth: number): void => {
    if (typeof level === 'number' ? depth !== shape.length : level.length !== shape[depth])
      throw new ShapeError(`tensor: the nested lists are ragged at depth ${depth}.`);
    if (typeof level === 'number') flat.push(level);
    else for (const item of level) visit(item, depth + 1);
  };
  visit(values, 0);
  const data = allocateHost(dtype, flat.length, true);
  for (let i = 0; i < flat.length; i++) data[i] = toElement(flat[i]!, dtype);
  return fromHost(data, options.shape ?? shape, dtype);
}

/** Wraps a host array without copying it; the array must not change afterwards. Elements of a `bool` are 0 or 1. */
export function fromHost(data: HostArray, shape: Shape, dtype: DType = dtypeOf(data)): Tensor {
  checkShape(shape, 'fromHost');
  if (data.length !== sizeOf(shape))
    throw new ShapeError(
      `fromHost: ${data.length} elements do not fill shape ${showShape(shape)} (${sizeOf(shape)}).`,
      {
        facts: { length: data.length, shape },
      },
    );
  const fits =
    dtype === 'f32'
      ? data instanceof Float32Array || data instanceof Float64Array
      : data.constructor === allocateHost(dtype, 0).constructor;
  if (!fits) throw new ShapeError(`fromHost: a ${data.constructor.name} cannot hold ${dtype}.`, { facts: { dtype } });
  return new Tensor({ shape, dtype }, { kind: 'host', data });
}

/** An input of a graph that is being traced. */
export function placeholder(type: TensorType): Tensor {
  return new Tensor(type, { kind: 'placeholder' });
}

/** Numbers become scalar constants; tensors pass. */
export function asTensor(operand: Operand, dtype: DType = 'f32'): Tensor {
  if (typeof operand !== 'number') return operand;
  const data = allocateHost(dtype, 1, true);
  data[0] = toElement(operand, dtype);
  return fromHost(data, [], dtype);
}

function dtypeOf(data: HostArray): DType {
  if (data instanceof Float32Array || data instanceof Float64Array) return 'f32';
  if (data instanceof Int32Array) return 'i32';
  if (data instanceof Uint32Array) return 'u32';
  if (data instanceof Uint8Array) return 'bool';
  throw new ShapeError('tensor: a Uint16Array needs dtype f16 or bf16.');
}
