import { TesseraError } from '../errors.ts';
import { expand } from '../graph.ts';
import type { Graph, GraphNode } from '../graph.ts';
import type { CpuKernel } from '../kernel.ts';
import type { Attributes, Op, TensorType } from '../op.ts';
import { scanOp } from '../primitives/scan.ts';
import type { ScanAttributes } from '../primitives/scan.ts';
import { isPacked } from '../dtype.ts';
import type { HostArray } from '../dtype.ts';
import { rowMajor, sizeOf } from '../shape.ts';
import type { CpuArray, CpuPool } from './array.ts';
import type { SimdProducts } from './simd-products.ts';
import { CpuStorage, contiguous, view } from './array.ts';
import { cpuPrimitives } from './primitives.ts';

/** What a CPU program needs of its device. */
export interface CpuContext {
  readonly pool: CpuPool;
  readonly wide: boolean;
  /** True: kernels are left aside and every op runs from its definition. */
  readonly definitionsOnly: boolean;
  readonly simd: SimdProducts | undefined;
  /** The array of a constant. */
  constant(graph: Graph, index: number): CpuArray;
}

interface Step {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly types: readonly TensorType[];
  /** Which inputs are read here for the last time. */
  readonly last: readonly boolean[];
  readonly run: (call: {
    inputs: readonly CpuArray[];
    types: readonly TensorType[];
    attributes: never;
    pool: CpuPool;
    dying: readonly boolean[];
    simd: SimdProducts | undefined;
  }) => readonly CpuArray[];
  readonly attributes: Attributes;
  readonly id: string;
}

/** A graph prepared for the CPU: definitions expanded where nothing faster is known, with the last use of each value. */
export class CpuRoutine {
  readonly #graph: Graph;
  readonly #steps: readonly Step[];
  readonly #context: CpuContext;
  readonly #constants: (CpuArray | undefined)[];
  readonly #uses: readonly number[];

  constructor(graph: Graph, context: CpuContext) {
    this.#context = context;
    this.#graph = expand(graph, (op, types, attributes) => supported(op, types, attributes, context));
    this.#constants = this.#graph.constants.map(() => undefined);
    const uses = new Array<number>(this.#graph.types.length).fill(0);
    for (const node of this.#graph.nodes) for (const index of new Set(node.inputs)) uses[index]!++;
    for (const index of this.#graph.outputs) uses[index]!++;
    this.#uses = uses;
    const left = [...uses];
    this.#steps = this.#graph.nodes.map((node) => {
      for (const index of new Set(node.inputs)) left[index]!--;
      return {
        inputs: node.inputs,
        outputs: node.outputs,
        types: node.outputs.map((index) => this.#graph.types[index]!),
        last: node.inputs.map((index, position) => left[index] === 0 && node.inputs.indexOf(index) === position),
        run: this.#implementation(node) as Step['run'],
        attributes: node.attributes,
        id: node.op.id,
      };
    });
  }

  /** Runs on arrays. Takes over one reference of each input; the caller holds one reference of each output. */
  run(inputs: readonly CpuArray[]): CpuArray[] {
    const { pool } = this.#context;
    const graph = this.#graph;
    const values = new Array<CpuArray | undefined>(graph.types.length);
    inputs.forEach((input, index) => (values[index] = input));
    graph.constants.forEach((_, index) => {
      values[graph.inputs + index] = view(this.#constant(index), {});
    });
    for (let index = 0; index < graph.inputs + graph.constants.length; index++)
      if (this.#uses[index] === 0) pool.drop(values[index]!);
    for (const step of this.#steps) {
      const read = step.inputs.map((index) => values[index]!);
      const made = step.run({
        inputs: read,
        types: step.types,
        attributes: step.attributes as never,
        pool,
        dying: step.last,
        simd: this.#context.simd,
      });
      step.outputs.forEach((index, position) => {
        values[index] = made[position]!;
        if (this.#uses[index] === 0) pool.drop(made[position]!);
      });
      step.last.forEach((last, position) => {
        if (!last) return;
        pool.drop(read[position]!);
        values[step.inputs[position]!] = undefined;
      });
    }
    const given = new Set<number>();
    return graph.outputs.map((index) => {
      const array = values[index]!;
      if (!given.has(index)) {
        given.add(index);
        return array;
      }
      return view(array, {});
    });
  }

  /** Converted once for host memory; what is resident may have been disposed since, which must be an error. */
  #constant(index: number): CpuArray {
    if (this.#graph.constants[index]!.source.kind !== 'host') return this.#context.constant(this.#graph, index);
    return (this.#constants[index] ??= this.#context.constant(this.#graph, index));
  }

  #implementation(node: GraphNode): CpuImplementation {
    if (node.op.id === scanOp.id) return scanRunner(node.attributes as ScanAttributes, this.#context);
    const kernel = cpuKernel(
      node.op,
      {
        inputs: node.inputs.map((i) => this.#graph.types[i]!),
        outputs: node.outputs.map((i) => this.#graph.types[i]!),
      },
      node.attributes,
      this.#context,
    );
    if (kernel) return kernelRunner(kernel);
    const primitive = cpuPrimitives().get(node.op.id);
    if (!primitive)
      throw new TesseraError(
        'UNKNOWN_PRIMITIVE',
        `${node.op.id}: the CPU knows neither a kernel nor a definition of it.`,
      );
    return primitive as unknown as CpuImplementation;
  }
}

type CpuImplementation = (call: {
  inputs: readonly CpuArray[];
  types: readonly TensorType[];
  attributes: Attributes;
  pool: CpuPool;
}) => readonly CpuArray[];

function supported(
  op: Op,
  types: { inputs: readonly TensorType[]; outputs: readonly TensorType[] },
  attributes: Attributes,
  context: CpuContext,
): boolean {
  return op.id === scanOp.id || cpuPrimitives().has(op.id) || cpuKernel(op, types, attributes, context) !== undefined;
}

function cpuKernel(
  op: Op,
  types: { inputs: readonly TensorType[]; outputs: readonly TensorType[] },
  attributes: Attributes,
  context: CpuContext,
): CpuKernel<Attributes> | undefined {
  if (context.definitionsOnly) return undefined;
  return op.kernels?.find(
    (kernel): kernel is CpuKernel<Attributes> =>
      kernel.backend === 'cpu' &&
      types.inputs.every(({ dtype }, input) => !isPacked(dtype) || kernel.packed?.includes(input)) &&
      (kernel.when?.({ ...types, attributes }) ?? true),
  );
}

function kernelRunner(kernel: CpuKernel<Attributes>): CpuImplementation {
  return ({ inputs, types, attributes, pool }) => {
    const read = inputs.map((input) => contiguous(input, pool));
    const outputs = types.map((type) => pool.allocate(type.dtype, type.shape));
    const host = (array: CpuArray): { data: HostArray; offset: number; shape: readonly number[] } => ({
      data: array.storage.data,
      offset: array.offset,
      shape: array.shape,
    });
    kernel.run({ inputs: read.map(host), outputs: outputs.map(host), attributes });
    for (const array of read) pool.drop(array);
    return outputs;
  };
}

function scanRunner(
  { body, carries, sequences, length, reverse, counted }: ScanAttributes,
  context: CpuContext,
): CpuImplementation {
  const routine = new CpuRoutine(body, context);
  return ({ inputs, types, pool }) => {
    const first = counted ? 1 : 0;
    const count = counted ? Math.max(0, Math.min(length, inputs[0]!.storage.data[inputs[0]!.offset]!)) : length;
    let carry = inputs.slice(first, first + carries).map((array) => view(array, {}));
    const elements = inputs.slice(first + carries, first + carries + sequences);
    const captured = inputs.slice(first + carries + sequences);
    const stacked = types.slice(carries).map((type) => {
      const out = pool.allocate(type.dtype, type.shape);
      if (count < length) out.storage.data.fill(0);
      return out;
    });
    for (let turn = 0; turn < count; turn++) {
      const at = reverse ? count - 1 - turn : turn;
      const outputs = routine.run([
        ...carry,
        ...elements.map((array) =>
          view(array, {
            shape: array.shape.slice(1),
            strides: array.strides.slice(1),
            offset: array.offset + at * array.strides[0]!,
          }),
        ),
        ...captured.map((array) => view(array, {})),
      ]);
      carry = outputs.slice(0, carries);
      outputs.slice(carries).forEach((element, index) => {
        const size = sizeOf(element.shape);
        const flat = contiguous(element, pool);
        stacked[index]!.storage.data.set(flat.storage.data.subarray(flat.offset, flat.offset + size), at * size);
        pool.drop(flat);
        pool.drop(element);
      });
    }
    return [...carry, ...stacked];
  };
}

/** Wraps host memory that belongs to somebody else. */
export function borrowHost(data: HostArray, type: TensorType): CpuArray {
  return {
    storage: new CpuStorage(data, true),
    dtype: type.dtype,
    shape: type.shape,
    strides: rowMajor(type.shape),
    offset: 0,
  };
}
