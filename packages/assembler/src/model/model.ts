import type { FileSource, SafetensorsDtype } from '@tessera/checkpoints';
import type { TensorRule } from '@tessera/plugin';
import { crossEntropy } from '@tessera/ops';
import type { Device, Program, Tensor } from '@tessera/tensor-core';
import {
  ContextOverflowError,
  FeatureUnavailableError,
  InvalidSpecError,
  ShapeError,
  TesseraError,
  fromHost,
  trace,
  zeros,
} from '@tessera/tensor-core';
import type { ChatMessage, Tokenizer } from '@tessera/text';
import type { GenerateOptions, GenerateResult, StreamEvent } from '../generation/options.ts';
import { streamTokens } from '../generation/stream.ts';
import type { SaveOptions } from '../loading/save.ts';
import { saveModel } from '../loading/save.ts';
import { refusesDecoding } from '../stack/stack-mixer.ts';
import type { MemoryEstimate } from './estimate.ts';
import { LanguageModelGraph } from './language-model.ts';
import type { ModelParams, TokenBatch } from './language-model.ts';
import { Session, StepPrograms } from './session.ts';
import type { WeightDtype } from './weight-dtype.ts';

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

/** What a {@link Model} is made of. */
export interface ModelParts {
  readonly graph: LanguageModelGraph;
  readonly device: Device;
  /** True when the model disposes of the device. */
  readonly ownsDevice: boolean;
  readonly dtype: WeightDtype;
  readonly params: ModelParams;
  readonly estimate: MemoryEstimate;
  readonly text?: ModelText;
  readonly origin?: Origin;
  readonly loadMs: number;
}

/** Logits of whole sequences with the residual stream before chosen layers. */
export interface ForwardResult {
  /** `[B, T, V]`, row-major. */
  readonly logits: Float32Array;
  readonly shape: readonly [number, number, number];
  /** The residual stream before each tapped layer, `[B, T, D]`; the number of layers names what follows the last. */
  readonly taps: ReadonlyMap<number, Float32Array>;
}

/** A language model on a device. Made by an assembler. */
export class Model {
  readonly #parts: ModelParts;
  readonly #programs: StepPrograms;
  #lastWhole: { readonly key: string; readonly program: Program } | undefined;
  #disposed = false;

  constructor(parts: ModelParts) {
    this.#parts = parts;
    this.#programs = new StepPrograms(parts.graph, parts.params, parts.device);
  }

  /** The device that was chosen. */
  get device(): Device {
    return this.#parts.device;
  }

  /** How the weights are kept. */
  get dtype(): WeightDtype {
    return this.#parts.dtype;
  }

  /** The spec from which the model was assembled. */
  get spec(): LanguageModelGraph['resolved']['spec'] {
    return this.#parts.graph.resolved.spec;
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
   */
  async forward(
    tokens: readonly (readonly number[])[],
    { taps = [] }: { taps?: readonly number[] } = {},
  ): Promise<ForwardResult> {
    const inputs = this.#checkRows(tokens);
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
    const inputs = this.#checkRows(rows.map((row) => row.slice(0, -1)));
    const targets = this.#checkRows(rows.map((row) => row.slice(1)));
    const { graph, params } = this.#parts;
    return this.#whole(`loss ${inputs.shape.join()}`, [inputs, targets], (batch, next) => [
      crossEntropy(graph.forward(params, batch).logits, next!),
    ]).then(([loss]) => loss!);
  }

  /**
   * A session that reads tokens step by step.
   * @throws {@link FeatureUnavailableError} naming the layer that has no decoding
   */
  async session({
    batch = 1,
    capacity = this.contextLength,
  }: { batch?: number; capacity?: number } = {}): Promise<Session> {
    this.#checkAlive();
    const refusal = refusesDecoding(this.#parts.graph.resolved.layers);
    if (refusal) throw refusal;
    return Session.open(this.#programs, this.#parts.device, { batch, capacity });
  }

  /**
   * Generates token by token. Leaving the loop cancels the work.
   * @param prompt - text, token ids, or messages for the checkpoint's chat template
   */
  stream(
    prompt: string | readonly number[] | readonly ChatMessage[],
    options: GenerateOptions = {},
  ): AsyncGenerator<StreamEvent, void, undefined> {
    return streamTokens(this, prompt, options);
  }

  /** Generates to the end. */
  async generate(
    prompt: string | readonly number[] | readonly ChatMessage[],
    options: GenerateOptions = {},
  ): Promise<GenerateResult> {
    for await (const event of this.stream(prompt, options)) if (event.type === 'end') return event.result;
    throw new TesseraError('NO_RESULT', 'generate: the stream ended without a result.');
  }

  /** Writes the model as a checkpoint: in the layout it was loaded from, else as its own spec. */
  async save(target: Parameters<typeof saveModel>[1], options: SaveOptions = {}): Promise<void> {
    this.#checkAlive();
    await saveModel({ ...this.#parts }, target, options);
  }

  /** @throws {@link ShapeError} naming an id outside the vocabulary */
  checkIds(ids: readonly number[]): void {
    const { vocabSize } = this.spec;
    ids.forEach((id, index) => {
      if (!Number.isInteger(id) || id < 0 || id >= vocabSize)
        throw new ShapeError(`token ${index} has id ${id}, and the vocabulary has ids 0 to ${vocabSize - 1}.`, {
          facts: { index, id, vocabSize },
        });
    });
  }

  /** Frees weights and programs. Idempotent; never destroys a device that was handed in. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#programs.dispose();
    this.#lastWhole?.program.dispose();
    for (const param of Object.values(this.#parts.params)) param.dispose();
    if (this.#parts.ownsDevice) this.#parts.device.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** Runs a graph over whole sequences; the program of the last form of call is kept. */
  async #whole(
    key: string,
    inputs: readonly Tensor[],
    build: (batch: TokenBatch, ...more: Tensor[]) => readonly Tensor[],
  ): Promise<Float32Array[]> {
    const { device } = this.#parts;
    if (this.#lastWhole?.key !== key) {
      const [B, T] = inputs[0]!.shape as [number, number];
      const graph = trace(
        (tokens, ...more) =>
          build(
            { tokens: tokens!, starts: zeros([B], 'i32'), lengths: fromHost(new Int32Array(B).fill(T), [B], 'i32') },
            ...more,
          ),
        inputs.map(({ shape, dtype }) => ({ shape, dtype })),
      );
      this.#lastWhole?.program.dispose();
      this.#lastWhole = { key, program: await device.compile(graph) };
    }
    const outputs = this.#lastWhole.program.run(inputs);
    try {
      return await Promise.all(outputs.map(async (output) => (await device.read(output)) as Float32Array));
    } finally {
      for (const output of outputs) output.dispose();
    }
  }

  #checkRows(tokens: readonly (readonly number[])[]): Tensor {
    this.#checkAlive();
    const B = tokens.length;
    const T = tokens[0]?.length ?? 0;
    if (tokens.some((row) => row.length !== T))
      throw new ShapeError(`rows have ${tokens.map((row) => row.length).join(', ')} tokens. Give them one length.`);
    for (const row of tokens) this.checkIds(row);
    const limit = this.spec.embedding?.positions;
    if (limit !== undefined && T > limit)
      throw new ContextOverflowError(
        `${T} tokens, and the model has learned ${limit} positions. Give it shorter rows.`,
        { facts: { tokens: T, positions: limit } },
      );
    return fromHost(Int32Array.from(tokens.flat()), [B, T], 'i32');
  }

  #checkAlive(): void {
    if (this.#disposed) throw new FeatureUnavailableError('The model was disposed. Load it again.');
  }
}

function tapOf(links: Readonly<Record<string, Tensor>>, layer: number): Tensor {
  const tap = links[`${layer}.x`];
  if (!tap) throw new InvalidSpecError(`taps: there is no layer ${layer}.`);
  return tap;
}
