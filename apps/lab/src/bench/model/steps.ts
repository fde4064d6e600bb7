import type { LanguageModelGraph, ModelParams } from '@tessera/assembler';
import type { CompileOptions, Device, Graph, Program, Tensor } from '@tessera/tensor-core';
import {
  argmax,
  bytesPerElement,
  disposeTree,
  fillTree,
  fromHost,
  reshape,
  trace,
  treeLeaves,
} from '@tessera/tensor-core';
import { throughNoOps } from '../no-op.ts';

/** A model on a device, as far as steps need it. */
export interface PlacedModel<D extends Device = Device> {
  readonly graph: LanguageModelGraph;
  readonly params: ModelParams;
  readonly device: D;
}

/** A device whose programs are of one kind. */
export interface DeviceOf<P extends Program> extends Device {
  compile(graph: Graph, options?: CompileOptions): Promise<P>;
}

/** Room of a sequence. */
export interface Room {
  /** Positions. */
  readonly capacity: number;
  /** Positions that one step brings at most. */
  readonly chunk: number;
}

/** Which step. */
export interface StepForm {
  /** Tokens that it reads at most. */
  readonly n: number;
  /** What it gives besides the state: logits `[1, 1, V]`, or the likeliest token `[1, 1]`, which stays on the device. */
  readonly gives: 'token' | 'logits';
  /** Dispatches that do nothing, through which the token goes in the end. @defaultValue 0 */
  readonly noOps?: number;
}

/** Inputs of a step before the state. */
const stepInputs = 3;

/**
 * The program of a step. Inputs: tokens `[1, n]`, starts `[1]`, lengths `[1]`, the state's leaves, which are donated.
 * Outputs: what it {@link StepForm.gives}, the state's leaves.
 */
export async function compileStep<P extends Program>(
  { graph, params, device }: PlacedModel<DeviceOf<P>>,
  room: Room,
  { n, gives, noOps = 0 }: StepForm,
): Promise<P> {
  const form = graph.init(params, { batch: 1, ...room });
  const leaves = treeLeaves(form);
  const traced = trace(
    (tokens, starts, lengths, ...state) => {
      const made = graph.step(
        params,
        { tokens: tokens!, starts: starts!, lengths: lengths! },
        fillTree(form, state),
        'last',
      );
      const given =
        gives === 'logits' ? made.logits : throughNoOps(reshape(argmax(made.logits, { axis: -1 }), [1, 1]), noOps);
      return [given, ...treeLeaves(made.state)];
    },
    [
      { shape: [1, n], dtype: 'i32' },
      { shape: [1], dtype: 'i32' },
      { shape: [1], dtype: 'i32' },
      ...leaves.map(({ shape, dtype }) => ({ shape, dtype })),
    ],
  );
  return device.compile(traced, { donate: leaves.map((_, index) => index + stepInputs) });
}

/** Makes states before the first token. */
export async function compileStart({ graph, params, device }: PlacedModel, room: Room): Promise<Program> {
  return device.compile(trace(() => treeLeaves(graph.init(params, { batch: 1, ...room })), []));
}

/** Bytes of the state that one position takes. */
export function stateBytesPerPosition({ graph, params }: PlacedModel, { capacity, chunk }: Room): number {
  return treeLeaves(graph.init(params, { batch: 1, capacity, chunk })).reduce(
    (total, { shape, size, dtype }) =>
      shape.includes(capacity) && shape.length > 2 ? total + (size / capacity) * bytesPerElement(dtype) : total,
    0,
  );
}

/** Ids that look like a text: none next to itself. */
export function someIds(count: number, vocabSize: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => (i * 7919 + 13) % vocabSize);
}

/** Whole numbers on a device. */
function onDevice(device: Device, values: Int32Array, shape: readonly number[]): Tensor {
  return device.upload(values, { shape, dtype: 'i32' });
}

/** Runs a step over the first of its tokens. What it gives, and the state after it. */
export function runStep(
  program: Program,
  ids: Int32Array,
  n: number,
  state: readonly Tensor[],
): { given: Tensor; state: readonly Tensor[] } {
  const tokens = new Int32Array(n);
  tokens.set(ids);
  const [given, ...next] = program.run([
    fromHost(tokens, [1, n]),
    fromHost(new Int32Array(1), [1]),
    fromHost(Int32Array.of(ids.length), [1]),
    ...state,
  ]);
  return { given: given!, state: next };
}

/** A sequence that feeds each token that it chose to the next step, without the host in between. */
export class Decoding {
  readonly #program: Program;
  readonly #zero: Tensor;
  readonly #one: Tensor;
  #token: Tensor;
  #state: readonly Tensor[];

  /** Takes over the state and the token after which it goes on. */
  constructor(device: Device, program: Program, token: Tensor, state: readonly Tensor[]) {
    this.#program = program;
    this.#zero = onDevice(device, new Int32Array(1), [1]);
    this.#one = onDevice(device, Int32Array.of(1), [1]);
    this.#token = token;
    this.#state = state;
  }

  /** The token that was chosen last, `[1, 1]`. Disposed by the next turn. */
  get token(): Tensor {
    return this.#token;
  }

  /** What the next step is run with. */
  get inputs(): readonly Tensor[] {
    return [this.#token, this.#zero, this.#one, ...this.#state];
  }

  /** One step. */
  turn(): void {
    this.taken(this.#program.run(this.inputs));
  }

  /** Goes on after a step that somebody else ran. */
  taken([token, ...state]: readonly Tensor[]): void {
    this.#token.dispose();
    this.#token = token!;
    this.#state = state;
  }

  /** Frees the sequence. */
  dispose(): void {
    disposeTree([this.#token, this.#zero, this.#one, this.#state]);
  }
}
