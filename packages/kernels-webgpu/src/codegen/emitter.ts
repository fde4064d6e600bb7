import type {
  BinaryFunction,
  Comparison,
  DType,
  GraphNode,
  SliceAttributes,
  UnaryFunction,
} from '@tessera/tensor-core';
import { rowMajor, sizeOf } from '@tessera/tensor-core';
import { binaryCode, castCode, compareCode, unaryCode } from './functions.ts';
import { literal } from './literal.ts';
import { literalOf, packedElement, scalarOf } from './region.ts';
import type { Region } from './region.ts';

const prefix = '@tessera/tensor-core:';

/** Ops that are computed where they are read. */
export const inlined: ReadonlySet<string> = new Set(
  [
    'unary',
    'binary',
    'compare',
    'where',
    'cast',
    'stop-gradient',
    'after',
    'reshape',
    'permute',
    'broadcast',
    'slice',
    'pad',
    'concat',
    'gather',
    'iota',
    'random-bits',
  ].map((name) => prefix + name),
);

/** Of these, the ones that only say where an element is. */
export const views: ReadonlySet<string> = new Set(
  ['stop-gradient', 'after', 'reshape', 'permute', 'broadcast', 'slice'].map((name) => prefix + name),
);

/** How an {@link Emitter} names and finds things. */
export interface EmitterOptions {
  /** Code of single values, as an epilogue has a product; they are only read at the element being written. */
  readonly given?: ReadonlyMap<number, string>;
  /** Before the number of a binding. @defaultValue 'b' */
  readonly binding?: string;
  /** Before local names, where several emitters write one body. @defaultValue nothing */
  readonly local?: string;
}

/**
 * Writes WGSL for single elements of values: a value without a buffer becomes an expression of those that have one. Equal
 * subexpressions at equal places are written once.
 */
export class Emitter {
  readonly #region: Region;
  readonly #lines: string[] = [];
  readonly #known = new Map<string, string>();
  readonly #reads = new Map<number, string>();
  readonly #given: ReadonlyMap<number, string>;
  readonly #binding: string;
  readonly #local: string;
  #names = 0;

  constructor(region: Region, { given = new Map(), binding = 'b', local = '' }: EmitterOptions = {}) {
    this.#region = region;
    this.#given = given;
    this.#binding = binding;
    this.#local = local;
  }

  /** Stored values that were read, in the order of their bindings. */
  get reads(): readonly number[] {
    return [...this.#reads.keys()];
  }

  /** Takes what was written so far, for example to close a loop around it. */
  take(): string {
    this.#known.clear();
    return this.#lines.splice(0).join('\n  ');
  }

  /** Adds a line. */
  line(code: string): void {
    this.#lines.push(code);
  }

  /** Names a value so that it is computed once. */
  name(code: string, hint = 'v'): string {
    if (/^[a-z_][a-z0-9_]*$|^\d+[uif]$/i.test(code)) return code;
    const name = `${this.#local}${hint}${this.#names++}`;
    this.#lines.push(`let ${name} = ${code};`);
    return name;
  }

  /** Coordinates of element `linear` (u32) of a shape. */
  coordinates(linear: string, shape: readonly number[]): string[] {
    const strides = rowMajor(shape);
    return shape.map((extent, axis) => {
      if (extent === 1) return '0u';
      const stride = strides[axis]!;
      const quotient = stride === 1 ? linear : `${linear} / ${stride}u`;
      const leading = shape.slice(0, axis).every((size) => size === 1);
      return this.name(
        leading ? quotient : stride === 1 ? `${linear} % ${extent}u` : `(${quotient}) % ${extent}u`,
        'c',
      );
    });
  }

  /** Element index of coordinates in a row-major array. */
  linear(coordinates: readonly string[], shape: readonly number[]): string {
    const strides = rowMajor(shape);
    const terms = coordinates.flatMap((c, axis) =>
      c === '0u' || shape[axis] === 1 ? [] : [strides[axis] === 1 ? c : `${c} * ${strides[axis]}u`],
    );
    return terms.length === 0 ? '0u' : terms.join(' + ');
  }

  /** The element of a value at coordinates, as WGSL of type {@link scalarOf} its dtype. */
  element(value: number, coordinates: readonly string[]): string {
    const given = this.#given.get(value);
    if (given !== undefined) return given;
    const key = `${value}@${coordinates.join()}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const code = this.name(this.#write(value, coordinates));
    this.#known.set(key, code);
    return code;
  }

  #write(value: number, at: readonly string[]): string {
    const { graph, types, makers } = this.#region;
    const { dtype, shape } = types[value]!;
    const number = literalOf(graph, value);
    if (number !== undefined) return literal(number, dtype);
    if (this.#region.isStored(value)) return this.#load(value, dtype, this.linear(at, shape));
    return this.#compute(makers[value]!, value, at);
  }

  #load(value: number, dtype: DType, index: string): string {
    let binding = this.#reads.get(value);
    if (binding === undefined) this.#reads.set(value, (binding = `${this.#binding}${this.#reads.size}`));
    const i = this.name(index, 'index');
    switch (dtype) {
      case 'f16':
      case 'bf16':
        return packedElement(dtype, binding, i);
      case 'bool':
        return `(${binding}[${i}] != 0u)`;
      default:
        return `${binding}[${i}]`;
    }
  }

  #compute(node: GraphNode, value: number, at: readonly string[]): string {
    const { types } = this.#region;
    const { inputs } = node;
    const shapeOf = (input: number): readonly number[] => types[inputs[input]!]!.shape;
    const same = (input: number): string => this.element(inputs[input]!, stretch(at, shapeOf(input)));
    const scalar = (input: number): ReturnType<typeof scalarOf> => scalarOf(types[inputs[input]!]!.dtype);
    switch (node.op.id.slice(prefix.length)) {
      case 'unary':
        return unaryCode((node.attributes as { fn: UnaryFunction }).fn, same(0), scalar(0));
      case 'binary':
        return binaryCode((node.attributes as { fn: BinaryFunction }).fn, same(0), same(1), scalar(0));
      case 'compare':
        return compareCode((node.attributes as { fn: Comparison }).fn, same(0), same(1));
      case 'where':
        return `select(${same(2)}, ${same(1)}, ${same(0)})`;
      case 'cast':
        return castCode(same(0), scalar(0), scalarOf(types[value]!.dtype));
      case 'stop-gradient':
      case 'after':
      case 'broadcast':
        return same(0);
      case 'reshape':
        return this.element(inputs[0]!, reshaped(this, at, types[value]!.shape, shapeOf(0)));
      case 'permute': {
        const { axes } = node.attributes as { axes: readonly number[] };
        return this.element(
          inputs[0]!,
          axes.map((_, axis) => at[axes.indexOf(axis)]!),
        );
      }
      case 'slice': {
        const { starts, steps } = node.attributes as SliceAttributes;
        return this.element(
          inputs[0]!,
          at.map((c, axis) => this.name(affine(c, starts[axis]!, steps[axis]!), 'c')),
        );
      }
      case 'pad':
        return this.#padded(node, at, types[value]!.dtype);
      case 'concat':
        return this.#joined(node, at);
      case 'gather':
        return this.#gathered(node, at, types[value]!.dtype);
      case 'iota':
        return castCode(at[(node.attributes as { axis: number }).axis]!, 'u32', scalarOf(types[value]!.dtype));
      case 'random-bits':
        return `threefry_word(${this.element(inputs[0]!, ['0u'])}, ${this.element(inputs[0]!, ['1u'])}, ${this.name(this.linear(at, types[value]!.shape), 'index')})`;
      default:
        throw new Error(`${node.op.id} is not computed in place.`);
    }
  }

  #padded(node: GraphNode, at: readonly string[], dtype: DType): string {
    const { before, value } = node.attributes as { before: readonly number[]; value: number };
    const { shape } = this.#region.types[node.inputs[0]!]!;
    const outer = this.#region.types[node.outputs[0]!]!.shape;
    const fill = literal(value, dtype);
    if (sizeOf(shape) === 0) return fill;
    const inside: string[] = [];
    // Unsigned: what lies before wraps to a large number, so one comparison serves both ends.
    const moved = at.map((c, axis) => {
      if (outer[axis] === shape[axis]) return c;
      const position = this.name(before[axis] === 0 ? c : `${c} - ${before[axis]}u`, 'c');
      inside.push(`${position} < ${shape[axis]}u`);
      return this.name(`min(${position}, ${shape[axis]! - 1}u)`, 'c');
    });
    return inside.length === 0
      ? this.element(node.inputs[0]!, moved)
      : `select(${fill}, ${this.element(node.inputs[0]!, moved)}, ${inside.join(' && ')})`;
  }

  #joined(node: GraphNode, at: readonly string[]): string {
    const { axis } = node.attributes as { axis: number };
    let code: string | undefined;
    let start = 0;
    for (const input of node.inputs) {
      const extent = this.#region.types[input]!.shape[axis]!;
      if (extent === 0) continue;
      const position = start === 0 ? at[axis]! : this.name(`${at[axis]} - ${start}u`, 'c');
      const piece = this.element(input, at.with(axis, this.name(`min(${position}, ${extent - 1}u)`, 'c')));
      code = code === undefined ? piece : `select(${code}, ${piece}, ${at[axis]} >= ${start}u)`;
      code = this.name(code);
      start += extent;
    }
    return code!;
  }

  #gathered(node: GraphNode, at: readonly string[], dtype: DType): string {
    const { batchDims } = node.attributes as { batchDims: number };
    const [table, index] = node.inputs as [number, number];
    const indexRank = this.#region.types[index]!.shape.length;
    const rows = this.#region.types[table]!.shape[batchDims]!;
    const zero = literal(0, dtype);
    if (rows === 0) return zero;
    const row = this.element(index, at.slice(0, indexRank));
    const clamped = this.name(`u32(clamp(${row}, 0i, ${rows - 1}i))`, 'c');
    const read = this.element(table, [...at.slice(0, batchDims), clamped, ...at.slice(indexRank)]);
    return `select(${zero}, ${read}, ${row} >= 0i && ${row} < ${rows}i)`;
  }
}

/** Coordinates of an operand that broadcasts to the shape of `at`. */
function stretch(at: readonly string[], shape: readonly number[]): string[] {
  const missing = at.length - shape.length;
  return shape.map((extent, axis) => (extent === 1 ? '0u' : at[axis + missing]!));
}

function affine(c: string, start: number, step: number): string {
  if (step < 0) return step === -1 ? `${start}u - ${c}` : `${start}u - ${c} * ${-step}u`;
  const scaled = step === 1 ? c : `${c} * ${step}u`;
  return start === 0 ? scaled : `${scaled} + ${start}u`;
}

/** Coordinates under another shape. Axes that stand at both ends alike are kept, so that few divisions are left. */
function reshaped(emitter: Emitter, at: readonly string[], from: readonly number[], to: readonly number[]): string[] {
  let head = 0;
  while (head < from.length && head < to.length && from[head] === to[head]) head++;
  let tail = 0;
  while (tail < from.length - head && tail < to.length - head && from.at(-1 - tail) === to.at(-1 - tail)) tail++;
  const middleFrom = from.slice(head, from.length - tail);
  const middleTo = to.slice(head, to.length - tail);
  const linear = emitter.name(emitter.linear(at.slice(head, from.length - tail), middleFrom), 'index');
  const middle = middleTo.every((extent) => extent === 1)
    ? middleTo.map(() => '0u')
    : emitter.coordinates(linear, middleTo);
  return [...at.slice(0, head), ...middle, ...at.slice(from.length - tail)];
}

/** WGSL that stores a scalar as an element of a buffer. */
export function stored(code: string, dtype: DType): string {
  return dtype === 'bool' ? `select(0u, 1u, ${code})` : code;
}
