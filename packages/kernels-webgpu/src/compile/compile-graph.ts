import type { GpuCapabilities, Graph, GraphNode, ScanAttributes, Tensor, WebGpuKernel } from '@tessera/tensor-core';
import { scanOp, sizeOf } from '@tessera/tensor-core';
import type { Region } from '../codegen/region.ts';
import { asExpression, literalOf, makersOf } from '../codegen/region.ts';
import { mapDispatch } from '../kernels/map.ts';
import { matmulDispatches } from '../kernels/matmul.ts';
import { planReduce } from '../kernels/reduce.ts';
import { cumsumDispatch, scatterSetDispatch, sortDispatch } from '../kernels/rows.ts';
import { scatterAddDispatch } from '../kernels/scatter-add.ts';
import { advanceClock, copyElement, keepCarry, resetClock, storeElement } from '../kernels/scan-steps.ts';
import type { Shader, Source } from '../codegen/shader.ts';
import type { Dispatch } from './dispatch.ts';
import { draftOf } from './draft.ts';
import type { Work } from './draft.ts';
import { mergeDispatches } from './merge-dispatches.ts';
import { bufferBytes } from './slot.ts';
import type { Slot } from './slot.ts';
import type { Step } from './step.ts';
import { stridedView } from './strided-view.ts';
import { kernelCall, planTasks, webgpuKernel } from './tasks.ts';
import type { Task, TaskPlan } from './tasks.ts';

export type { Step } from './step.ts';

/** A graph as steps over slots. */
export interface CompiledGraph {
  readonly steps: readonly Step[];
  /** One slot an output; an input's own slot when the output is that input, overwritten or not. */
  readonly outputs: readonly Slot[];
}

/** What compilation needs of the device. */
export interface CompileContext {
  readonly capabilities: GpuCapabilities;
  /** A buffer with the value of a constant, which lives as long as the program. */
  constant(tensor: Tensor): GPUBuffer;
}

const prefix = '@tessera/tensor-core:';

/** Ops that this package computes without a kernel of the op. */
export const primitives: ReadonlySet<string> = new Set(
  ['reduce', 'matmul', 'scatter', 'cumsum', 'sort', 'scan'].map((name) => prefix + name),
);

/**
 * Compiles a graph whose ops are all known here.
 * @param inputs - the slots of its inputs
 * @param mayOverwrite - whether the last reader of an input may write a value over it
 */
export function compileGraph(
  graph: Graph,
  inputs: readonly Slot[],
  mayOverwrite: (input: number, target: number) => boolean,
  context: CompileContext,
): CompiledGraph {
  const { work, outputs } = new GraphCompiler(graph, inputs, mayOverwrite, context).compile();
  return { steps: mergeDispatches(work, context.capabilities), outputs };
}

class GraphCompiler {
  readonly #graph: Graph;
  readonly #context: CompileContext;
  readonly #mayOverwrite: (input: number, target: number) => boolean;
  readonly #slots = new Map<number, Slot>();
  readonly #work: Work[] = [];
  readonly #makers: ReturnType<typeof makersOf>;
  readonly #stored: ReadonlySet<number>;
  readonly #norms: TaskPlan['norms'];
  readonly #tasks: readonly Task[];
  readonly #region: Region;

  constructor(
    graph: Graph,
    inputs: readonly Slot[],
    mayOverwrite: (input: number, target: number) => boolean,
    context: CompileContext,
  ) {
    this.#graph = graph;
    this.#context = context;
    this.#mayOverwrite = mayOverwrite;
    this.#makers = makersOf(graph);
    const plan = planTasks(graph, context.capabilities);
    this.#stored = plan.stored;
    this.#norms = plan.norms;
    this.#tasks = plan.tasks;
    this.#region = { graph, types: graph.types, makers: this.#makers, isStored: (value) => plan.stored.has(value) };
    inputs.forEach((slot, index) => this.#slots.set(index, slot));
    graph.constants.forEach((tensor, index) => {
      const value = graph.inputs + index;
      if (plan.stored.has(value))
        this.#slots.set(value, {
          bytes: bufferBytes(tensor),
          role: { kind: 'fixed', buffer: context.constant(tensor) },
        });
    });
  }

  compile(): { work: readonly Work[]; outputs: readonly Slot[] } {
    this.#tasks.forEach((task, index) => this.#task(task, index));
    const given = new Set<Slot>();
    const outputs = this.#graph.outputs.map((value) => {
      const slot = this.#slots.get(value);
      const overwritten = slot?.role.kind === 'input' && this.#mayOverwrite(slot.role.index, value);
      // The inputs of a loop's body are temporaries of others.
      const own = slot?.role.kind === 'temporary' && value >= this.#graph.inputs;
      if (slot && !given.has(slot) && (own || overwritten)) {
        given.add(slot);
        return slot;
      }
      // What belongs to somebody else, or is given twice, is copied.
      const copy = this.#temporary(value);
      this.#map(value, copy);
      given.add(copy);
      return copy;
    });
    return { work: this.#work, outputs };
  }

  #temporary(value: number): Slot {
    return { bytes: bufferBytes(this.#graph.types[value]!), role: { kind: 'temporary' } };
  }

  #slot(value: number): Slot {
    let slot = this.#slots.get(value);
    if (!slot) this.#slots.set(value, (slot = this.#temporary(value)));
    return slot;
  }

  #dispatch({ shader, values }: Dispatch, override?: ReadonlyMap<number, Slot>): void {
    if (shader.workgroups === 0) return;
    const slots = shader.bindings.map(
      ({ write }, i) => (write ? override?.get(values[i]!) : undefined) ?? this.#slot(values[i]!),
    );
    this.#work.push(draftOf(shader, slots));
  }

  /** Writes the elements of a value into a slot of its type. */
  #map(value: number, slot: Slot): void {
    if (sizeOf(this.#graph.types[value]!.shape) === 0) return;
    this.#dispatch(mapDispatch(this.#region, value), new Map([[value, slot]]));
  }

  #task({ node, products, writes }: Task, index: number): void {
    if (writes.every((value) => sizeOf(this.#graph.types[value]!.shape) === 0) && node.op.id !== scanOp.id) {
      for (const value of writes) this.#slot(value);
      return;
    }
    if (products) return this.#matmul(products, writes[0]!);
    const kernel = webgpuKernel(node, this.#graph, this.#context.capabilities);
    if (kernel) return this.#kernel(node, kernel, index);
    switch (node.op.id.slice(prefix.length)) {
      case 'reduce':
        return this.#reduce(node);
      case 'cumsum':
        return this.#dispatch(cumsumDispatch(this.#region, node));
      case 'sort':
        return this.#dispatch(sortDispatch(this.#region, node));
      case 'matmul':
        return this.#matmul([node], node.outputs[0]!);
      case 'scatter':
        return this.#scatter(node, index);
      case 'scan':
        return this.#scan(node);
      default: {
        const [value] = node.outputs as [number];
        return this.#dispatch(mapDispatch(asExpression(this.#region, value), value));
      }
    }
  }

  /** The dispatches of a kernel of a package. */
  #kernel(node: GraphNode, kernel: WebGpuKernel<object>, task: number): void {
    const { capabilities } = this.#context;
    const call = kernelCall(node, this.#graph);
    const label = `${node.op.id} (${kernel.name})`;
    const push = (pass: Omit<Source, 'label'>, slots: readonly Slot[], writes: readonly boolean[]): void => {
      if (!pass.grid.includes(0))
        this.#work.push({ kind: 'dispatch', shader: { label, source: pass.source, grid: pass.grid }, slots, writes });
    };
    const inputs = node.inputs.map((value) => this.#slot(this.#buffered(value)));
    if (!('passes' in kernel)) {
      const over = Object.entries(kernel.inPlace ?? {}).map(([output, input]) => ({ output: Number(output), input }));
      for (const { output, input } of over) {
        const base = node.inputs[input]!;
        const alone = node.inputs.filter((value) => value === base).length === 1;
        this.#startFrom(node.outputs[output]!, base, alone ? task : undefined);
      }
      const bound = inputs.filter((_, input) => !over.some((pair) => pair.input === input));
      const outputs = node.outputs.map((value) => this.#slot(value));
      push(
        { source: kernel.source(call, capabilities), grid: kernel.grid(call) },
        [...bound, ...outputs],
        [...bound.map(() => false), ...outputs.map(() => true)],
      );
      return;
    }
    const { temporaries, passes } = kernel.passes(call, capabilities);
    const slots = {
      input: inputs,
      output: node.outputs.map((value) => this.#slot(value)),
      temporary: temporaries.map((type): Slot => ({ bytes: bufferBytes(type), role: { kind: 'temporary' } })),
    };
    for (const { source, grid, bindings } of passes)
      push(
        { source, grid },
        bindings.map(({ of, index }) => slots[of][index]!),
        bindings.map(({ write }) => write === true),
      );
  }

  /**
   * Lets a value begin as another: in its buffer if nobody else reads that any more, else in a copy.
   * @param task - the reader after which the other is not needed; undefined: the same task reads it besides
   */
  #startFrom(target: number, base: number, task: number | undefined): void {
    const slot = this.#slots.get(base);
    const free = (role: Slot['role']): boolean => {
      if (base < this.#graph.inputs) return this.#mayOverwrite(base, target);
      return role.kind === 'temporary' || (role.kind === 'input' && this.#mayOverwrite(role.index, target));
    };
    if (slot && task !== undefined && this.#stored.has(base) && this.#isLastReader(base, task) && free(slot.role))
      this.#slots.set(target, slot);
    else this.#map(base, this.#slot(target));
  }

  /** A kernel of a package wants buffers also for scalars. */
  #buffered(value: number): number {
    const number = literalOf(this.#graph, value);
    if (number !== undefined && !this.#slots.has(value))
      this.#slots.set(value, {
        bytes: 4,
        role: { kind: 'fixed', buffer: this.#context.constant(this.#graph.constants[value - this.#graph.inputs]!) },
      });
    return value;
  }

  /** Products, up to the value that is written: a product itself, or what an expression makes of them. */
  #matmul(nodes: readonly GraphNode[], target: number): void {
    const view = (value: number): NonNullable<ReturnType<typeof stridedView>> => {
      if (literalOf(this.#graph, value) === undefined)
        return stridedView(
          this.#graph,
          this.#makers,
          { has: (leaf) => this.#stored.has(leaf) || this.#norms.has(leaf) },
          value,
        )!;
      return { leaf: this.#buffered(value), strides: this.#graph.types[value]!.shape.map(() => 0), offset: 0 };
    };
    const left = view(nodes[0]!.inputs[0]!);
    const norm = this.#norms.get(left.leaf);
    const { first, join, partBytes } = matmulDispatches({
      region: this.#region,
      a: norm ? { ...left, leaf: norm.rows } : left,
      norm,
      products: nodes.map((node) => ({ node, b: view(node.inputs[1]!) })),
      target,
      capabilities: this.#context.capabilities,
    });
    if (!join) return this.#dispatch(first);
    const parts: Slot = { bytes: partBytes, role: { kind: 'temporary' } };
    this.#dispatch(first, new Map([[target, parts]]));
    const { shader, values } = join;
    this.#work.push(draftOf(shader, [parts, ...values.map((value) => this.#slot(value))]));
  }

  /** A reduction; of long lines with few results its parts first, in memory of their own. */
  #reduce(node: GraphNode): void {
    const { dispatch, join, partBytes } = planReduce(this.#region, node, this.#context.capabilities);
    if (!join) return this.#dispatch(dispatch);
    const [target] = node.outputs as [number];
    const parts: Slot = { bytes: partBytes, role: { kind: 'temporary' } };
    this.#dispatch(dispatch, new Map([[target, parts]]));
    this.#work.push(draftOf(join, [parts, this.#slot(target)]));
  }

  #scatter(node: GraphNode, index: number): void {
    const { mode } = node.attributes as { mode: 'set' | 'add' };
    const [base] = node.inputs as [number];
    const [target] = node.outputs as [number];
    if (mode === 'add') return this.#dispatch(scatterAddDispatch(this.#region, node));
    this.#startFrom(target, base, index);
    if (sizeOf(this.#graph.types[node.inputs[2]!]!.shape) > 0) this.#dispatch(scatterSetDispatch(this.#region, node));
  }

  #isLastReader(value: number, task: number): boolean {
    return (
      !this.#graph.outputs.includes(value) &&
      !this.#tasks.slice(task + 1).some(({ reads }) => reads.includes(value)) &&
      !this.#graph.outputs.some((output) => !this.#stored.has(output))
    );
  }

  /** A loop: each turn loads its elements, runs the body, and keeps carries and outputs. */
  #scan(node: GraphNode): void {
    const { body, carries, sequences, length, reverse, counted } = node.attributes as ScanAttributes;
    const first = counted ? 1 : 0;
    const outer = node.inputs.map((value) => this.#slot(this.#buffered(value)));
    const bodyTypes = (index: number): (typeof body.types)[number] => body.types[index]!;
    const temporary = (index: number): Slot => ({ bytes: bufferBytes(bodyTypes(index)), role: { kind: 'temporary' } });
    const carrySlots = Array.from({ length: carries }, (_, i) => this.#slot(node.outputs[i]!));
    const elementSlots = Array.from({ length: sequences }, (_, i) => temporary(carries + i));
    const clock: Slot = { bytes: 16, role: { kind: 'temporary' } };
    const push = (work: Work[], shader: Shader | undefined, slots: readonly Slot[]): void => {
      if (shader) work.push(draftOf(shader, slots));
    };
    for (let i = 0; i < carries; i++) push(this.#work, copyElement(bodyTypes(i)), [outer[first + i]!, carrySlots[i]!]);
    push(this.#work, resetClock(), [clock]);
    // A carry is its own next value where nothing has to be kept for turns that do not count.
    const inner = new GraphCompiler(
      body,
      [...carrySlots, ...elementSlots, ...outer.slice(first + carries + sequences)],
      (input, target) =>
        !counted && input < carries && body.outputs.every((output, i) => (output === target) === (i === input)),
      this.#context,
    ).compile();
    const turn: Work[] = [];
    push(turn, advanceClock({ length, reverse, counted }), counted ? [outer[0]!, clock] : [clock]);
    for (let i = 0; i < sequences; i++)
      push(turn, copyElement(bodyTypes(carries + i), 'clocked'), [
        outer[first + carries + i]!,
        elementSlots[i]!,
        clock,
      ]);
    turn.push(...inner.work);
    node.outputs.forEach((value, i) => {
      const type = bodyTypes(body.outputs[i]!);
      if (i >= carries) push(turn, storeElement(type), [inner.outputs[i]!, this.#slot(value), clock]);
    });
    for (let i = 0; i < carries; i++)
      if (inner.outputs[i] !== carrySlots[i])
        push(turn, keepCarry(bodyTypes(i)), [inner.outputs[i]!, carrySlots[i]!, clock]);
    if (length > 0) this.#work.push({ kind: 'repeat', times: length, work: turn });
  }
}
