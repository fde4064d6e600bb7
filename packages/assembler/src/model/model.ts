import type { FileSink, FileSource, SafetensorsDtype } from '@tessera/checkpoints';
import type { TensorRule } from '@tessera/plugin';
import { crossEntropy } from '@tessera/ops';
import type { Device, Program, Tensor } from '@tessera/tensor-core';
import {
  FeatureUnavailableError,
  InvalidSpecError,
  TesseraError,
  disposeTree,
  fromHost,
  trace,
  zeros,
} from '@tessera/tensor-core';
import type { Tokenizer } from '@tessera/text';
import type { GenerateOptions, GenerateResult, StreamEvent } from '../generation/options.ts';
import type { Prompt } from '../generation/prompt.ts';
import { streamTokens } from '../generation/stream.ts';
import type { DeviceOption } from '../devices.ts';
import { checkOptionNames } from '../option-names.ts';
import type { OnProgress } from '../progress.ts';
import type { SaveOptions } from '../saving/save.ts';
import { saveModel } from '../saving/save.ts';
import { refusesDecoding } from '../stack/refuses-decoding.ts';
import { checkIds, checkLearnedPositions, checkRows } from './check-rows.ts';
import type { MemoryEstimate } from './estimate.ts';
import type { LanguageModelGraph, ModelParams, TokenBatch } from './language-model.ts';
import { ProgramCache } from './program-cache.ts';
import { Session } from './session.ts';
import { StepPrograms } from './step-programs.ts';
import type { SessionSize } from './step-programs.ts';
import { keptDtype, toStorage } from './weight-dtype.ts';
import type { KeptDtype } from './weight-dtype.ts';

/** Text in and out of a model. */
export interface ModelText {
  readonly tokenizer: Tokenizer;
  /** Undefined when the checkpoint has none. */
  readonly chatTemplate: string | undefined;
}

/** Where a loaded model came from, as far as saving needs it. */
export interface Origin {
  readonly config: Readonly<Record<string, unknown>>;
  /** Between published tensors and ours. */
  readonly rules: readonly TensorRule[];
  /** Published tensors in the order of the file. */
  readonly published: ReadonlyMap<string, { readonly dtype: SafetensorsDtype; readonly shape: readonly number[] }>;
  /** Read again when the model is saved, for tokenizer files and tensors that are only carried along. */
  readonly source: FileSource;
  readonly generationConfig: Readonly<Record<string, unknown>> | undefined;
}

/** What a {@link Model} has on a device. */
export interface Residence {
  readonly device: Device;
  /** True when the model disposes of the device. */
  readonly ownsDevice: boolean;
  readonly params: ModelParams;
  /** False: the weights belong to something else, which frees them. @defaultValue true */
  readonly ownsWeights?: boolean | undefined;
  readonly estimate: MemoryEstimate;
  /** Steps over these parameters, some of them perhaps compiled. @defaultValue none are */
  readonly programs?: StepPrograms | undefined;
  readonly loadMs: number;
}

/** How a model comes to a device again. */
export interface ReloadOptions {
  /** @defaultValue as it was loaded: another device of the backend, or the one that was handed in */
  readonly device?: DeviceOption | undefined;
  /** Rejects with `signal.reason`. The model can then be reloaded again. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/** What a {@link Model} is made of. */
export interface ModelParts extends Residence {
  readonly graph: LanguageModelGraph;
  readonly text?: ModelText;
  readonly origin?: Origin;
  /** Brings the weights to a device once more. Absent: they cannot be had again. */
  readonly settle?: ((options: ReloadOptions) => Promise<Residence>) | undefined;
}

/** Logits of whole sequences with the residual stream before chosen layers. */
export interface ForwardResult {
  /** `[B, T, V]`, row-major. */
  readonly logits: Float32Array;
  readonly shape: readonly [number, number, number];
  /** The residual stream before each tapped layer, `[B, T, D]`; the number of layers names what follows the last. */
  readonly taps: ReadonlyMap<number, Float32Array>;
}

/** Programs over whole sequences that are kept: scoring and verifying repeat few forms of call. */
const mostWholePrograms = 4;

/** A language model on a device. Made by an assembler. */
export class Model {
  #parts: ModelParts;
  #programs: StepPrograms;
  #wholePrograms = new ProgramCache(mostWholePrograms);
  #disposed = false;
  /** False while the weights are nowhere: during a reload, and after one that failed. */
  #settled = true;
  #reloading: Promise<void> | undefined;

  constructor(parts: ModelParts) {
    this.#parts = parts;
    this.#programs = programsOf(parts);
  }

  /** The device that was chosen. */
  get device(): Device {
    return this.#parts.device;
  }

  /** How the matrices are kept: what `auto` chose, too. */
  get dtype(): KeptDtype {
    return keptDtype(this.#parts.params);
  }

  /** The spec from which the model was assembled. */
  get spec(): LanguageModelGraph['resolved']['spec'] {
    return this.#parts.graph.resolved.spec;
  }

  /** Where the model was loaded from: what saving, training and comparing gradients need. */
  get origin(): Origin | undefined {
    return this.#parts.origin;
  }

  /** The graph of the model: pure functions of its parameters. */
  get graph(): LanguageModelGraph {
    return this.#parts.graph;
  }

  /** Learned tensors by path. */
  get params(): ModelParams {
    return this.#parts.params;
  }

  /** Number of learned numbers and bytes taken. */
  get memory(): MemoryEstimate {
    return this.#parts.estimate;
  }

  /** Tokenizer and chat template, when the checkpoint brought them. */
  get text(): ModelText | undefined {
    return this.#parts.text;
  }

  /** `generation_config.json` of the checkpoint. */
  get generationConfig(): Origin['generationConfig'] {
    return this.#parts.origin?.generationConfig;
  }

  /** `config.json` of the checkpoint. */
  get config(): Origin['config'] | undefined {
    return this.#parts.origin?.config;
  }

  /** Milliseconds that loading took. */
  get loadMs(): number {
    return this.#parts.loadMs;
  }

  /** Positions of prompt and new tokens together. */
  get contextLength(): number {
    return this.#parts.estimate.contextLength;
  }

  /**
   * Logits of whole sequences of one length, with nothing remembered.
   * @param tokens - one list of ids a row
   * @throws {@link ShapeError} when rows differ in length or an id is outside the vocabulary
   * @throws {@link InvalidSpecError} for a tap that is no layer
   */
  async forward(
    tokens: readonly (readonly number[])[],
    { taps = [] }: { readonly taps?: readonly number[] } = {},
  ): Promise<ForwardResult> {
    this.#checkAlive();
    const inputs = this.#tensorOf(tokens, 1);
    const [B, T] = inputs.shape as [number, number];
    const { graph, params } = this.#parts;
    const [logits, ...tapped] = await this.#whole(`forward ${B} ${T} ${taps.join()}`, [inputs], (batch) => {
      const made = graph.forward(params, batch);
      return [made.logits, ...taps.map((layer) => tapOf(made.links, layer))];
    });
    return {
      logits: logits!,
      shape: [B, T, this.spec.vocabSize],
      taps: new Map(taps.map((layer, index) => [layer, tapped[index]!])),
    };
  }

  /**
   * Negative log-likelihood of each next token, in nats.
   * @param rows - lists of T + 1 ids
   * @returns `[B · T]`: of tokens 1 … T of the first row, then of the second…
   * @throws {@link ShapeError} when rows differ in length or an id is outside the vocabulary
   */
  async lossOf(rows: readonly (readonly number[])[]): Promise<Float32Array> {
    this.#checkAlive();
    checkRows(rows, this.spec.vocabSize, 2);
    const inputs = this.#tensorOf(
      rows.map((row) => row.slice(0, -1)),
      1,
    );
    const targets = fromHost(Int32Array.from(rows.flatMap((row) => row.slice(1))), inputs.shape);
    const { graph, params } = this.#parts;
    const [loss] = await this.#whole(`loss ${inputs.shape.join()}`, [inputs, targets], (batch, next) => [
      crossEntropy(graph.forward(params, batch).logits, next!),
    ]);
    return loss!;
  }

  /**
   * A session that reads tokens step by step.
   * @throws {@link FeatureUnavailableError} naming the layer that has no decoding
   * @throws {@link ContextOverflowError} when it is to hold more positions than the model has learned
   */
  async session({ batch = 1, capacity = this.contextLength }: Partial<SessionSize> = {}): Promise<Session> {
    this.#checkAlive();
    const refusal = refusesDecoding(this.#parts.graph.resolved.layers);
    if (refusal) throw refusal;
    return Session.open(this.#programs, { batch, capacity });
  }

  /**
   * Generates token by token. Leaving the loop cancels the work.
   * @param prompt - text, token ids, or messages for the checkpoint's chat template
   */
  stream(prompt: Prompt, options: GenerateOptions = {}): AsyncGenerator<StreamEvent, void, undefined> {
    return streamTokens(this, prompt, options);
  }

  /** Generates to the end. */
  async generate(prompt: Prompt, options: GenerateOptions = {}): Promise<GenerateResult> {
    for await (const event of this.stream(prompt, options)) if (event.type === 'end') return event.result;
    throw new TesseraError('NO_RESULT', 'generate: the stream ended without a result.');
  }

  /** Writes the model as a checkpoint: in the layout it was loaded from, else as its own spec. */
  async save(target: string | FileSink, options: SaveOptions = {}): Promise<void> {
    this.#checkAlive();
    await saveModel(this.#parts, target, options);
  }

  /** @throws {@link ShapeError} naming an id outside the vocabulary */
  checkIds(ids: readonly number[], where = 'tokens'): void {
    checkIds(ids, this.spec.vocabSize, where);
  }

  /**
   * Brings the model to a device again, with the weights as they were loaded: after the device was lost, or to move it to
   * another one. Sessions and streams end; the model is the same object. When it fails, the model has no weights until a
   * further reload.
   * @throws {@link FeatureUnavailableError} when a reload is under way, or the weights cannot be had again
   * @throws as `load` does
   */
  async reload(options: ReloadOptions = {}): Promise<void> {
    checkOptionNames(options, reloadOptionNames, 'reload');
    if (this.#disposed) throw disposed();
    if (this.#reloading)
      throw new FeatureUnavailableError('reload: one is under way. Wait for it before you ask for another.');
    const { settle } = this.#parts;
    if (!settle)
      throw new FeatureUnavailableError(
        'reload: the weights of this model were handed in, and are not kept elsewhere.',
      );
    options.signal?.throwIfAborted();
    this.#reloading = this.#settle(settle, options);
    try {
      await this.#reloading;
    } finally {
      this.#reloading = undefined;
    }
  }

  /**
   * Writes other values over a learned tensor, rounded to how it is kept. The weights as they were loaded cannot be had again
   * then: a reload is refused.
   * @param path - of {@link Model.params}
   * @throws {@link InvalidSpecError} for a path that is no parameter, or values that do not fill it
   */
  overwrite(path: string, values: Float32Array): void {
    this.#checkAlive();
    const { device, params } = this.#parts;
    const param = params[path];
    if (param?.source.kind !== 'resident' || param.size !== values.length)
      throw new InvalidSpecError(
        `overwrite: ${values.length} numbers for ${path}, expected ${param ? `the ${param.size} of its own weights` : 'a parameter of the model'}.`,
        { facts: { path, count: values.length, expected: param?.size } },
      );
    device.write(param, toStorage(values, param.dtype as 'f32' | 'f16' | 'bf16'));
    this.#parts = { ...this.#parts, settle: undefined };
  }

  /** Frees weights and programs. Idempotent; never destroys a device that was handed in. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#reloading?.catch(() => {}); // told to who asked for it
    await this.#leave();
  }

  /** As {@link Model.dispose}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** Runs a graph over whole sequences. */
  async #whole(
    key: string,
    inputs: readonly Tensor[],
    build: (batch: TokenBatch, ...more: Tensor[]) => readonly Tensor[],
  ): Promise<Float32Array[]> {
    const { device } = this.#parts;
    const make = (): Promise<Program> => {
      const [B, T] = inputs[0]!.shape as [number, number];
      const graph = trace(
        (tokens, ...more) =>
          build(
            { tokens: tokens!, starts: zeros([B], 'i32'), lengths: fromHost(new Int32Array(B).fill(T), [B]) },
            ...more,
          ),
        inputs.map(({ shape, dtype }) => ({ shape, dtype })),
      );
      return device.compile(graph);
    };
    let outputs: readonly Tensor[] = [];
    try {
      return await this.#wholePrograms.use(key, make, async (program) => {
        outputs = program.run(inputs);
        return Promise.all(outputs.map(async (output) => (await device.read(output)) as Float32Array));
      });
    } finally {
      disposeTree(outputs);
    }
  }

  #tensorOf(rows: readonly (readonly number[])[], least: number): Tensor {
    checkRows(rows, this.spec.vocabSize, least);
    const T = rows[0]!.length;
    checkLearnedPositions(this.spec, T, 'The rows have');
    return fromHost(Int32Array.from(rows.flat()), [rows.length, T]);
  }

  /** Leaves the device and settles on another one. */
  async #settle(settle: NonNullable<ModelParts['settle']>, options: ReloadOptions): Promise<void> {
    await this.#leave();
    const residence = await settle(options);
    this.#parts = { ...this.#parts, ...residence, programs: residence.programs };
    this.#programs = programsOf(this.#parts);
    this.#wholePrograms = new ProgramCache(mostWholePrograms);
    this.#settled = true;
    if (this.#disposed) throw disposed();
  }

  /** Frees all that is on the device. */
  async #leave(): Promise<void> {
    if (!this.#settled) return;
    this.#settled = false;
    const { device, ownsDevice, params, ownsWeights = true } = this.#parts;
    await Promise.all([this.#programs.dispose(), this.#wholePrograms.dispose()]);
    if (ownsWeights) disposeTree(params);
    if (ownsDevice) device.dispose();
  }

  #checkAlive(): void {
    if (this.#disposed) throw disposed();
    if (!this.#settled)
      throw new FeatureUnavailableError(
        'The model has no weights: a reload is under way, or failed. Wait for it, or reload again.',
      );
  }
}

const reloadOptionNames = ['device', 'signal', 'onProgress'] as const;

function programsOf({ graph, params, device, programs }: ModelParts): StepPrograms {
  return programs ?? new StepPrograms(graph, params, device);
}

function disposed(): FeatureUnavailableError {
  return new FeatureUnavailableError('The model was disposed. Load it again.');
}

function tapOf(links: Readonly<Record<string, Tensor>>, layer: number): Tensor {
  const tap = links[`${layer}.x`];
  if (!tap)
    throw new InvalidSpecError(`taps: there is no layer ${layer}. Layers are numbered from 0.`, { facts: { layer } });
  return tap;
}
