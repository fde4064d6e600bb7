import type { CompileOptions, Device, Graph, Program, ProgramMemory, ScanAttributes } from '@tessera/tensor-core';
import {
  OutOfMemoryError,
  bytesPerElement,
  disposeTree,
  isTesseraError,
  sizeOf,
  treeLeaves,
} from '@tessera/tensor-core';
import type { Tensor, TensorType } from '@tessera/tensor-core';
import { recomputingLayers } from './step/recompute-layers.ts';
import type { TrainStep } from './step/train-step.ts';
import { traceTrainStep } from './step/train-step.ts';
import type { TrainingState } from './step/training-state.ts';

/** Memory that training takes on its device, bytes. */
interface TrainingMemory {
  /** What is trained, in f32. */
  readonly weights: number;
  /** What the optimiser remembers. */
  readonly optimizer: number;
  /** What a step gives anew while it still reads what it takes over. */
  readonly copies: number;
  readonly gradients: number;
  /** All else that a step computes: values kept for the way back, and those on the way. */
  readonly activations: number;
  readonly total: number;
}

/** Another way to make a step, and what it takes. */
interface Alternative {
  readonly rows: number;
  readonly context: number;
  readonly accumulate: number;
  readonly recompute: 'none' | 'layers';
  readonly total: number;
}

/** What a step may take, and how it is made. */
export interface TrainingRoom {
  /** Bytes that training may take; undefined: what the device gives. */
  readonly memoryLimit: number | undefined;
  /** Whether the layers of the step are recomputed already. */
  readonly recompute: 'none' | 'layers';
}

/**
 * Compiles a step, and makes sure that there is memory for its first run.
 * @throws {@link OutOfMemoryError} with what the step takes, what that consists of, and what would fit; nothing is left behind
 */
export async function compileTrainStep(step: TrainStep, device: Device, room: TrainingRoom): Promise<Program> {
  const graph = traceTrainStep(step);
  const { memoryLimit } = room;
  if (memoryLimit !== undefined) {
    const needed = memoryOf(step, planOf(device, graph, step));
    if (needed.total > memoryLimit) throw await refusal(step, device, room, needed);
  }
  let program: Program | undefined;
  try {
    program = await device.compile(graph, donating(step));
    // What a run makes is taken as it begins, when the state cannot be kept any more: so once before.
    if (program.memory) await reserve(device, program.memory.outputs);
    return program;
  } catch (error) {
    program?.dispose();
    if (!tellsOfMemory(error)) throw error;
    throw await refusal(step, device, room, memoryOf(step, planOf(device, graph, step)), error);
  }
}

/**
 * Checks that weights and optimiser state are within a limit, before anything is allocated.
 * @throws {@link OutOfMemoryError}
 */
export function checkStateMemory(form: TrainingState, memoryLimit: number | undefined): void {
  if (memoryLimit === undefined || stateBytes(form) <= memoryLimit) return;
  throw stateRefusal(form, `and the limit is ${show(memoryLimit)}`, { limit: memoryLimit });
}

/** What an error that came while the state was placed is told as. */
export function whilePlacingState(error: unknown, form: TrainingState): unknown {
  return tellsOfMemory(error)
    ? stateRefusal(form, `and the device does not give it (${told(error)})`, {}, error)
    : error;
}

function stateRefusal(form: TrainingState, why: string, facts: object, cause?: unknown): OutOfMemoryError {
  const [weights, optimizer] = [bytesOf(treeLeaves(form.params)), bytesOf(treeLeaves(form.slots))];
  return new OutOfMemoryError(
    `train: weights in f32 take ${show(weights)} and what the optimiser remembers ${show(optimizer)}, ${why}. ` +
      'Train an adapter, take an optimiser that remembers less (SGD without momentum remembers nothing), or a smaller model.',
    { facts: { weights, optimizer, ...facts }, ...(cause !== undefined && { cause }) },
  );
}

async function refusal(
  step: TrainStep,
  device: Device,
  room: TrainingRoom,
  needed: TrainingMemory,
  cause?: unknown,
): Promise<OutOfMemoryError> {
  const { rows, context, accumulate } = step;
  const { memoryLimit, recompute } = room;
  const fits = await alternatives(step, device, room);
  const { weights, optimizer, copies, gradients, activations, total } = needed;
  const size = `${accumulate === 1 ? '' : `${accumulate} × `}${rows} × ${context} tokens`;
  const why =
    memoryLimit !== undefined && total > memoryLimit
      ? `and the limit is ${show(memoryLimit)}`
      : `and the device does not give it (${told(cause)})`;
  const mend =
    fits.length > 0
      ? `What fits: ${fits.map((each) => inWords(each, step, recompute)).join('; or ')}.`
      : 'No smaller batch fits either: train an adapter, or a smaller model.';
  return new OutOfMemoryError(
    `train: a step of ${size} takes ${show(total)} (weights ${show(weights)}, optimiser ${show(optimizer)}, their next values ${show(copies)}, ` +
      `gradients ${show(gradients)}, activations ${show(activations)}), ${why}. ${mend}`,
    {
      facts: { needed, limit: memoryLimit, rows, context, accumulate, recompute, fits },
      ...(cause !== undefined && { cause }),
    },
  );
}

function inWords(
  { rows, context, accumulate, recompute, total }: Alternative,
  step: TrainStep,
  before: string,
): string {
  const parts = [
    ...(recompute === before ? [] : ["recompute: 'layers'"]),
    ...(context === step.context ? [] : [`a context of ${context}`]),
    ...(rows === step.rows ? [] : [`batches of ${rows} ${rows === 1 ? 'row' : 'rows'}`]),
    ...(accumulate === step.accumulate ? [] : [`accumulate: ${accumulate}`]),
  ];
  const kept = rows * accumulate * context === step.rows * step.accumulate * step.context;
  return `${parts.join(' and ')} (${show(total)}${kept && rows !== step.rows ? ', as many tokens a step' : ''})`;
}

/** Ways to make the step that fit: recomputing, smaller batches, both where one does not suffice, and a shorter context. */
async function alternatives(step: TrainStep, device: Device, room: TrainingRoom): Promise<Alternative[]> {
  const { rows, context, accumulate } = step;
  const recomputed: TrainStep = { ...step, graph: recomputingLayers(step.graph) };
  const divided = (from: TrainStep): TrainStep[] =>
    Array.from({ length: rows }, (_, index) => index + 1)
      .filter((parts) => parts > 1 && rows % parts === 0)
      .map((parts) => ({ ...from, rows: rows / parts, accumulate: accumulate * parts }));
  const shortened = (from: TrainStep): TrainStep[] =>
    Array.from({ length: Math.floor(Math.log2(context)) }, (_, index) => ({
      ...from,
      context: Math.floor(context / 2 ** (index + 1)),
    }));
  const canRecompute = room.recompute === 'none';
  const first = async (steps: readonly TrainStep[], recompute: 'none' | 'layers'): Promise<Alternative[]> => {
    for (const each of steps) {
      const total = await fitting(each, device, room.memoryLimit);
      if (total !== undefined)
        return [{ rows: each.rows, context: each.context, accumulate: each.accumulate, recompute, total }];
    }
    return [];
  };
  const found = [
    ...(canRecompute ? await first([recomputed], 'layers') : []),
    ...(await first(divided(step), room.recompute)),
  ];
  if (found.length === 0 && canRecompute) found.push(...(await first(divided(recomputed), 'layers')));
  found.push(...(await first(shortened(step), room.recompute)));
  const smallest: TrainStep = { ...recomputed, rows: 1, accumulate: rows * accumulate };
  return found.length > 0 ? found : first(shortened(smallest), 'layers');
}

/** Bytes of a step that fits; undefined when it does not. */
async function fitting(step: TrainStep, device: Device, limit: number | undefined): Promise<number | undefined> {
  const plan = planOf(device, traceTrainStep(step), step);
  const { total } = memoryOf(step, plan);
  if (limit !== undefined && total > limit) return undefined;
  if (device.onHost) return limit === undefined ? undefined : total;
  try {
    await reserve(device, [...plan.temporaries, ...plan.outputs, ...plan.constants]);
    return total;
  } catch (error) {
    if (tellsOfMemory(error)) return undefined;
    throw error;
  }
}

/** Takes buffers of these sizes and gives them back. Rejects when the device does not have them. */
async function reserve(device: Device, sizes: readonly number[]): Promise<void> {
  const held: Tensor[] = [];
  try {
    for (const bytes of sizes) held.push(device.allocate({ shape: [Math.ceil(bytes / 4)], dtype: 'f32' }));
    // Errors of the device are told by the next read.
    const word = device.allocate({ shape: [1], dtype: 'f32' });
    held.push(word);
    await device.read(word);
  } finally {
    disposeTree(held);
  }
}

function memoryOf({ form }: TrainStep, { temporaries, outputs, constants }: ProgramMemory): TrainingMemory {
  const [weights, optimizer] = [bytesOf(treeLeaves(form.params)), bytesOf(treeLeaves(form.slots))];
  const inside = total(temporaries) + total(constants);
  const gradients = Math.min(weights, inside);
  const copies = total(outputs);
  return {
    weights,
    optimizer,
    copies,
    gradients,
    activations: inside - gradients,
    total: weights + optimizer + copies + inside,
  };
}

/** What the program of a step takes beside its inputs. */
function planOf(device: Device, graph: Graph, step: TrainStep): ProgramMemory {
  return device.planMemory?.(graph, donating(step)) ?? inOrder(graph);
}

/** For a device that does not plan: what is needed at once when the values of a graph are computed in their order. */
function inOrder({ types, inputs, constants, nodes, outputs }: Graph): ProgramMemory {
  const given = new Set(outputs);
  const last = new Map<number, number>();
  nodes.forEach((node, index) => node.inputs.forEach((value) => last.set(value, index)));
  const passes = (value: number): boolean => value >= inputs + constants.length && !given.has(value);
  let [alive, most] = [0, 0];
  nodes.forEach((node, index) => {
    const made = node.outputs.filter(passes);
    alive += bytesOf(made.map((value) => types[value]!));
    const body = (node.attributes as Partial<ScanAttributes>).body;
    const inner = body ? inOrder(body) : undefined;
    most = Math.max(most, alive + (inner ? total(inner.temporaries) + total(inner.outputs) : 0));
    const ends = [...new Set(node.inputs)].filter((value) => passes(value) && last.get(value) === index);
    const unused = made.filter((value) => !last.has(value));
    alive -= bytesOf([...ends, ...unused].map((value) => types[value]!));
  });
  return { temporaries: [most], outputs: [...given].map((value) => bytesOf([types[value]!])), constants: [] };
}

function donating({ form }: TrainStep): CompileOptions {
  return { donate: treeLeaves(form).map((_, index) => index) };
}

/** What went wrong in the words of the device, without what it says would help. */
function told(cause: unknown): string {
  return (cause as Error).message.replace(/\.( Use .*)?$/s, '');
}

/** True for what devices throw when a value or a program is too large for them. */
function tellsOfMemory(error: unknown): boolean {
  if (error instanceof RangeError) return /allocation failed|array length/i.test(error.message);
  if (!isTesseraError(error)) return false;
  const { code, facts } = error;
  // A value that is larger than a buffer may be; what a kernel takes beyond another limit has a label.
  const tooLarge = code === 'FEATURE_UNAVAILABLE' && typeof facts['most'] === 'number' && facts['label'] === undefined;
  return code === 'OUT_OF_MEMORY' || tooLarge;
}

function stateBytes(form: TrainingState): number {
  return bytesOf(treeLeaves(form));
}

function bytesOf(types: readonly TensorType[]): number {
  return types.reduce((sum, { shape, dtype }) => sum + sizeOf(shape) * bytesPerElement(dtype), 0);
}

function total(bytes: readonly number[]): number {
  return bytes.reduce((sum, each) => sum + each, 0);
}

function show(bytes: number): string {
  const [unit, size] = bytes >= 2 ** 30 ? ['GiB', 2 ** 30] : bytes >= 2 ** 20 ? ['MiB', 2 ** 20] : ['KiB', 2 ** 10];
  return `${(bytes / size).toPrecision(3)} ${unit}`;
}
