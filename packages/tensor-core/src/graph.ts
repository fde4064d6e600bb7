import { ShapeError, TesseraError } from './errors.ts';
import type { Attributes, Op, TensorType } from './op.ts';
import { showShape } from './shape.ts';
import type { Tensor } from './tensor.ts';
import { apply, placeholder } from './tensor.ts';

/** One op of a graph; values are named by index. */
export interface GraphNode {
  readonly op: Op;
  readonly attributes: Attributes;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/**
 * A recorded computation as data. Values are numbered: the inputs first, then the constants, then what the nodes make,
 * in an order in which each node comes after what it reads.
 */
export interface Graph {
  readonly types: readonly TensorType[];
  readonly inputs: number;
  readonly constants: readonly Tensor[];
  readonly nodes: readonly GraphNode[];
  readonly outputs: readonly number[];
}

/** Records what `build` does with inputs of the given types. */
export function trace(build: (...inputs: Tensor[]) => readonly Tensor[], types: readonly TensorType[]): Graph {
  const inputs = types.map(placeholder);
  return graphOf(build(...inputs), inputs);
}

/**
 * The graph that computes `outputs` from `inputs`. Equal nodes are recorded once.
 * @throws {@link TesseraError} `FOREIGN_PLACEHOLDER` when an output depends on an input of another trace
 */
export function graphOf(outputs: readonly Tensor[], inputs: readonly Tensor[]): Graph {
  const builder = new GraphBuilder(inputs);
  return builder.finish(outputs);
}

class GraphBuilder {
  readonly #constants: Tensor[] = [];
  readonly #recorded: { op: Op; attributes: Attributes; inputs: Value[]; outputs: Value[] }[] = [];
  #made = 0;
  /** Numbered only at the end, once all constants are known. */
  readonly #values = new Map<Tensor, Value>();
  readonly #nodeValues = new Map<object, Value[]>();
  readonly #sameNode = new Map<string, Value[]>();
  readonly #sameConstant = new Map<string, Value>();
  readonly #inputs: number;
  readonly #inputTypes: readonly TensorType[];

  constructor(inputs: readonly Tensor[]) {
    this.#inputs = inputs.length;
    this.#inputTypes = inputs.map(({ shape, dtype }) => ({ shape, dtype }));
    inputs.forEach((input, index) => this.#values.set(input, { kind: 'input', index, type: input }));
  }

  finish(outputs: readonly Tensor[]): Graph {
    for (const output of outputs) this.#visit(output);
    const number = (value: Value): number =>
      value.kind === 'input'
        ? value.index
        : value.kind === 'constant'
          ? this.#inputs + value.index
          : this.#inputs + this.#constants.length + value.index;
    const types = [...this.#inputTypes]; // a tensor given as two inputs counts as the last of them
    for (const value of this.#values.values())
      types[number(value)] = { shape: value.type.shape, dtype: value.type.dtype };
    for (const values of this.#nodeValues.values())
      for (const value of values) types[number(value)] = { shape: value.type.shape, dtype: value.type.dtype };
    return {
      types,
      inputs: this.#inputs,
      constants: this.#constants,
      nodes: this.#recorded.map(({ op, attributes, inputs, outputs: made }) => ({
        op,
        attributes,
        inputs: inputs.map(number),
        outputs: made.map(number),
      })),
      outputs: outputs.map((output) => number(this.#values.get(output)!)),
    };
  }

  /** Depth first with its own stack: graphs of deep stacks are deeper than the call stack. */
  #visit(root: Tensor): void {
    const stack: Tensor[] = [root];
    while (stack.length > 0) {
      const tensor = stack[stack.length - 1]!;
      if (this.#values.has(tensor)) {
        stack.pop();
        continue;
      }
      const { source } = tensor;
      if (source.kind !== 'node') {
        this.#values.set(tensor, this.#leaf(tensor));
        stack.pop();
        continue;
      }
      let values = this.#nodeValues.get(source.node);
      if (!values) {
        const pending = source.node.inputs.filter((input) => !this.#values.has(input));
        if (pending.length > 0) {
          stack.push(...pending);
          continue;
        }
        values = this.#record(source.node);
        this.#nodeValues.set(source.node, values);
      }
      this.#values.set(tensor, values[source.index]!);
      stack.pop();
    }
  }

  #leaf(tensor: Tensor): Value {
    const { source } = tensor;
    if (source.kind === 'placeholder')
      throw new TesseraError(
        'FOREIGN_PLACEHOLDER',
        `A tensor of shape ${showShape(tensor.shape)} belongs to another trace. Pass it to this function as an argument instead of keeping it from an earlier call.`,
      );
    if (source.kind === 'disposed')
      throw new TesseraError(
        'DISPOSED',
        `A tensor of shape ${showShape(tensor.shape)} was disposed before its last use.`,
      );
    const scalar =
      source.kind === 'host' && source.data.length === 1
        ? `${tensor.dtype}${showShape(tensor.shape)}${exactNumber(source.data[0]!)}`
        : undefined;
    const known = scalar === undefined ? undefined : this.#sameConstant.get(scalar);
    if (known) return known;
    const value: Value = { kind: 'constant', index: this.#constants.length, type: tensor };
    this.#constants.push(tensor);
    if (scalar !== undefined) this.#sameConstant.set(scalar, value);
    return value;
  }

  #record(node: { op: Op; attributes: Attributes; inputs: readonly Tensor[]; types: readonly TensorType[] }): Value[] {
    const inputs = node.inputs.map((input) => this.#values.get(input)!);
    const key = `${node.op.id} ${attributesKey(node.attributes)} ${inputs.map((value) => value.kind[0]! + value.index).join()}`;
    const known = this.#sameNode.get(key);
    if (known) return known;
    const outputs = node.types.map((type): Value => ({ kind: 'node', index: this.#made++, type }));
    this.#recorded.push({ op: node.op, attributes: node.attributes, inputs, outputs });
    this.#sameNode.set(key, outputs);
    return outputs;
  }
}

interface Value {
  readonly kind: 'input' | 'constant' | 'node';
  readonly index: number;
  readonly type: TensorType;
}

/** Applies a graph to tensors: records its nodes again, each through `rebuild`. */
export function replay(
  graph: Graph,
  inputs: readonly Tensor[],
  rebuild: (node: GraphNode, inputs: readonly Tensor[]) => readonly Tensor[] = (node, read) =>
    apply(node.op, read, node.attributes),
): Tensor[] {
  const values: Tensor[] = [...inputs.slice(0, graph.inputs), ...graph.constants];
  for (const node of graph.nodes) {
    const made = rebuild(
      node,
      node.inputs.map((index) => values[index]!),
    );
    node.outputs.forEach((index, position) => (values[index] = made[position]!));
  }
  return graph.outputs.map((index) => values[index]!);
}

/** Replaces every op that `supports` refuses by its definition, until none is left. */
export function expand(
  graph: Graph,
  supports: (
    op: Op,
    types: { inputs: readonly TensorType[]; outputs: readonly TensorType[] },
    attributes: Attributes,
  ) => boolean,
): Graph {
  const refused = (node: GraphNode, types: readonly TensorType[]): boolean =>
    !supports(
      node.op,
      { inputs: node.inputs.map((i) => types[i]!), outputs: node.outputs.map((i) => types[i]!) },
      node.attributes,
    );
  let current = graph;
  while (current.nodes.some((node) => refused(node, current.types))) {
    const { types } = current;
    current = trace(
      (...inputs) =>
        replay(current, inputs, (node, read) => {
          if (!refused(node, types)) return apply(node.op, read, node.attributes);
          if (!node.op.definition)
            throw new TesseraError(
              'UNKNOWN_PRIMITIVE',
              `${node.op.id} has no definition and this device does not know it. Give the op a definition from simpler ops.`,
            );
          const made = node.op.definition(read, node.attributes);
          checkDefinition(node, made, types);
          return made;
        }),
      current.types.slice(0, current.inputs),
    );
  }
  return current;
}

function checkDefinition(node: GraphNode, made: readonly Tensor[], types: readonly TensorType[]): void {
  const show = (list: readonly TensorType[]): string =>
    list.map(({ dtype, shape }) => dtype + showShape(shape)).join(', ');
  const promised = show(node.outputs.map((index) => types[index]!));
  if (show(made) !== promised)
    throw new ShapeError(
      `${node.op.id}: its definition makes ${show(made)}, its shape rule says ${promised}. Make them agree.`,
    );
}

const keys = new WeakMap<object, string>();

/** Text that is equal for equal attributes; graphs inside count by their structure. */
export function attributesKey(attributes: Attributes): string {
  let key = keys.get(attributes);
  if (key === undefined) {
    key = JSON.stringify(attributes, (_, value: unknown) =>
      isGraph(value) ? graphKey(value) : typeof value === 'number' ? exactNumber(value) : value,
    );
    keys.set(attributes, key);
  }
  return key;
}

/** Text that is equal for graphs of equal structure; constants count by identity of their values only if they are scalars. */
export function graphKey(graph: Graph): string {
  const known = keys.get(graph);
  if (known !== undefined) return known;
  const constants = graph.constants.map((c) =>
    c.source.kind === 'host' && c.source.data.length === 1 ? `${exactNumber(c.source.data[0]!)}` : `#${identity(c)}`,
  );
  const types = graph.types.map((type) => type.dtype + showShape(type.shape));
  const nodes = graph.nodes.map((node) => `${node.op.id}${attributesKey(node.attributes)}(${node.inputs.join()})`);
  const key = [graph.inputs, types.join(';'), constants.join(';'), nodes.join(';'), graph.outputs.join()].join('|');
  keys.set(graph, key);
  return key;
}

/** JSON has no infinities, no NaN and no −0, which are different numbers all the same. */
function exactNumber(value: number): number | string {
  return Object.is(value, -0) ? '-0' : Number.isFinite(value) ? value : String(value);
}

const identities = new WeakMap<object, number>();
let nextIdentity = 0;

function identity(value: object): number {
  let number = identities.get(value);
  if (number === undefined) identities.set(value, (number = nextIdentity++));
  return number;
}

function isGraph(value: unknown): value is Graph {
  return typeof value === 'object' && value !== null && 'nodes' in value && 'constants' in value;
}
