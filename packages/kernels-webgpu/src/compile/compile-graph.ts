import type { GpuCapabilities, Graph, GraphNode, ScanAttributes, Tensor } from '@tessera/tensor-core';
import { scanOp, sizeOf } from '@tessera/tensor-core';
import type { Region } from '../codegen/region.ts';
import { asExpression, literalOf, makersOf } from '../codegen/region.ts';
import { mapDispatch } from '../kernels/map.ts';
import { matmulDispatch } from '../kernels/matmul.ts';
import { reduceDispatch } from '../kernels/reduce.ts';
import { cumsumDispatch, scatterAddDispatch, scatterSetDispatch, sortDispatch } from '../kernels/rows.ts';
import { advanceClock, copyElement, keepCarry, resetClock, storeElement } from '../kernels/scan-steps.ts';
import type { Dispatch } from './dispatch.ts';
import { bufferBytes } from './slot.ts';
import type { Slot } from './slot.ts';
import { kernelCall, planTasks, stridedView, webgpuKernel } from './tasks.ts';
import type { Task } from './tasks.ts';

/** What a program does, in order. */
export type Step =
  | {
      readonly kind: 'dispatch';
      readonly label: string;
      readonly source: string;
      readonly grid: readonly [number, number, number];
      readonly slots: readonly Slot[];
    }
  | { readonly kind: 'repeat'; readonly times: number; readonly steps: readonly Step[] };

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
 * @param mayOverwrite - whether the last reader of an input may write over it
 */
export function compileGraph(
  graph: Graph,
  inputs: readonly Slot[],
  mayOverwrite: (input: number) => boolean,
  context: CompileContext,
): CompiledGraph {
  const compiler = new GraphCompiler(graph, inputs, mayOverwrite, context);
  return compiler.compile();
}

class GraphCompiler {
  readonly #graph: Graph;
  readonly #context: CompileContext;
  readonly #mayOverwrite: (input: number) => boolean;
  readonly #slots = new Map<number, Slot>();
  readonly #steps: Step[] = [];
  readonly #makers: ReturnType<typeof makersOf>;
  readonly #stored: ReadonlySet<number>;
  readonly #tasks: readonly Task[];
  readonly #region: Region;

  constructor(
    graph: Graph,
    inputs: readonly Slot[],
    mayOverwrite: (input: number) => boolean,
    context: CompileContext,
  ) {
    this.#graph = graph;
    this.#context = context;
    this.#mayOverwrite = mayOverwrite;
    this.#makers = makersOf(graph);
    const plan = planTasks(graph, (node) => webgpuKernel(node, graph, context.capabilities));
    this.#stored = plan.stored;
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

  compile(): CompiledGraph {
    this.#tasks.forEach((task, index) => this.#task(task, index));
    const given = new Set<Slot>();
    const outputs = this.#graph.outputs.map((value) => {
      const slot = this.#slots.get(value);
      const overwritten = slot?.role.kind === 'input' && this.#mayOverwrite(slot.role.index);
      if (slot && !given.has(slot) && (slot.role.kind === 'temporary' || overwritten)) {
        given.add(slot);
        return slot;
      }
      // What belongs to somebody else, or is given twice, is copied.
      const copy = this.#temporary(value);
      this.#map(value, copy);
      given.add(copy);
      return copy;
    });
    return { steps: this.#steps, outputs };
  }

  #temporary(value: number): Slot {
    return { bytes: bufferBytes(this.#graph.types[value]!), role: { kind: 'temporary' } };
  }

  #slot(value: number): Slot {
    let slot = this.#slots.get(value);
    if (!slot) this.#slots.set(value, (slot = this.#temporary(value)));
    return slot;
  }

  #dispatch({ label, source, bindings, grid }: Dispatch, override?: ReadonlyMap<number, Slot>): void {
    if (grid[0] === 0) return;
    this.#steps.push({
      kind: 'dispatch',
      label,
      source,
      grid,
      slots: bindings.map(({ value, write }) => (write ? override?.get(value) : undefined) ?? this.#slot(value)),
    });
  }

  /** Writes the elements of a value into a slot of its type. */
  #map(value: number, slot: Slot): void {
    if (sizeOf(this.#graph.types[value]!.shape) === 0) return;
    this.#dispatch(mapDispatch(this.#region, value), new Map([[value, slot]]));
  }

  #task({ node, product, writes }: Task, index: number): void {
    if (writes.every((value) => sizeOf(this.#graph.types[value]!.shape) === 0) && node.op.id !== scanOp.id) {
      for (const value of writes) this.#slot(value);
      return;
    }
    if (product) return this.#matmul(product, writes[0]!);
    const kernel = webgpuKernel(node, this.#graph, this.#context.capabilities);
    if (kernel) {
      const call = kernelCall(node, this.#graph);
      this.#dispatch({
        label: `${node.op.id} (${kernel.name})`,
        source: kernel.source(call, this.#context.capabilities),
        bindings: [
          ...node.inputs.map((value) => ({ value: this.#buffered(value), write: false })),
          ...node.outputs.map((value) => ({ value, write: true })),
        ],
        grid: kernel.grid(call),
      });
      return;
    }
    switch (node.op.id.slice(prefix.length)) {
      case 'reduce':
        return this.#dispatch(reduceDispatch(this.#region, node));
      case 'cumsum':
        return this.#dispatch(cumsumDispatch(this.#region, node));
      case 'sort':
        return this.#dispatch(sortDispatch(this.#region, node));
      case 'matmul':
        return this.#matmul(node, node.outputs[0]!);
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

  /** A product, up to the value that is written: the product itself, or what an expression makes of it. */
  #matmul(node: GraphNode, target: number): void {
    const [left, right] = node.inputs as [number, number];
    for (const value of [left, right]) if (literalOf(this.#graph, value) !== undefined) this.#buffered(value);
    const view = (value: number): ReturnType<typeof stridedView> =>
      literalOf(this.#graph, value) === undefined
        ? stridedView(this.#graph, this.#makers, this.#stored, value)
        : { leaf: value, strides: this.#graph.types[value]!.shape.map(() => 0), offset: 0 };
    this.#dispatch(
      matmulDispatch({
        region: this.#region,
        node,
        a: view(left)!,
        b: view(right)!,
        target,
        capabilities: this.#context.capabilities,
      }),
    );
  }

  #scatter(node: GraphNode, index: number): void {
    const { mode } = node.attributes as { mode: 'set' | 'add' };
    const [base] = node.inputs as [number];
    const [target] = node.outputs as [number];
    if (mode === 'add') return this.#dispatch(scatterAddDispatch(this.#region, node));
    const slot = this.#slots.get(base);
    if (
      slot &&
      this.#stored.has(base) &&
      this.#isLastReader(base, index) &&
      (slot.role.kind === 'temporary' || (slot.role.kind === 'input' && this.#mayOverwrite(slot.role.index)))
    )
      this.#slots.set(target, slot);
    else this.#map(base, this.#slot(target));
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
    const push = (
      steps: Step[],
      made: { label: string; source: string; grid: readonly [number, number, number] } | undefined,
      slots: readonly Slot[],
    ): void => {
      if (made) steps.push({ kind: 'dispatch', ...made, slots });
    };
    for (let i = 0; i < carries; i++) push(this.#steps, copyElement(bodyTypes(i)), [outer[first + i]!, carrySlots[i]!]);
    push(this.#steps, resetClock(), [clock]);
    const inner = compileGraph(
      body,
      [...carrySlots, ...elementSlots, ...outer.slice(first + carries + sequences)],
      () => false,
      this.#context,
    );
    const turn: Step[] = [];
    push(turn, advanceClock({ length, reverse, counted }), counted ? [outer[0]!, clock] : [clock]);
    for (let i = 0; i < sequences; i++)
      push(turn, copyElement(bodyTypes(carries + i), 'clocked'), [
        outer[first + carries + i]!,
        elementSlots[i]!,
        clock,
      ]);
    turn.push(...inner.steps);
    node.outputs.forEach((value, i) => {
      const type = bodyTypes(body.outputs[i]!);
      if (i >= carries) push(turn, storeElement(type), [inner.outputs[i]!, this.#slot(value), clock]);
    });
    for (let i = 0; i < carries; i++) push(turn, keepCarry(bodyTypes(i)), [inner.outputs[i]!, carrySlots[i]!, clock]);
    if (length > 0) this.#steps.push({ kind: 'repeat', times: length, steps: turn });
  }
}
