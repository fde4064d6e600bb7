import type { LanguageModelGraph, Model } from '@tessera/assembler';
import { Model as AssembledModel, estimateMemory } from '@tessera/assembler';
import type { Device, Program, Tensor } from '@tessera/tensor-core';
import {
  FeatureUnavailableError,
  NumericalError,
  disposeTree,
  fillTree,
  foldKey,
  fromHost,
  treeLeaves,
} from '@tessera/tensor-core';
import type { Adapter } from './adapter.ts';
import type { BatchSource, TrainingBatch } from './batch-source.ts';
import { checkAlike, checkBatch } from './batch-source.ts';
import { checkNames, checkNumber } from './check-options.ts';
import { copyWeights } from './copy-weights.ts';
import type { Optimizer } from './optimizers/parameter-groups.ts';
import type { ByPath } from './optimizers/update-rule.ts';
import type { Parametrization } from './parametrization.ts';
import { compileTrainStep } from './estimate-memory.ts';
import { pause } from './pause.ts';
import { scheduleFactor } from './schedule.ts';
import { batchIds, besideTokens } from './step/batch-ids.ts';
import { traceEvaluation } from './step/evaluate-step.ts';
import { findNonFinite } from './step/find-non-finite.ts';
import { recomputingLayers } from './step/recompute-layers.ts';
import type { StepSize, TrainStep } from './step/train-step.ts';
import type { TrainingState } from './step/training-state.ts';
import type { TrainerSettings } from './trainer-options.ts';
import type { Evaluation, TrainCall, TrainingEvent } from './training-event.ts';

/** A step whose results have not been read yet. */
interface UnderWay {
  readonly step: number;
  readonly learningRate: number;
  readonly tokens: number;
  /** Inputs beside state and numbers: what the step is repeated with when its numbers are not finite. */
  readonly given: readonly Tensor[];
  readonly form: TrainStep;
  readonly reading: Promise<ArrayLike<number>>;
}

/** Where a training stands, beside its tensors. */
export interface TrainingProgress {
  /** Steps done. */
  readonly step: number;
  /** Tokens predicted. */
  readonly tokens: number;
  /** Of the batches. */
  readonly position: number;
}

/** What a {@link Trainer} is made of. */
export interface TrainerParts {
  readonly model: Model;
  readonly settings: TrainerSettings;
  /** Bytes that training may take. */
  readonly memoryLimit?: number | undefined;
  readonly batches: BatchSource;
  readonly adapter: Adapter | undefined;
  readonly parametrization: Parametrization;
  readonly optimizer: Optimizer;
  /** The form of the state. */
  readonly form: TrainingState;
  readonly state: TrainingState;
}

/** Steps that a device beside the host is given at once. */
const atOnce = 2;

/**
 * Trains a model: each step (forward, loss, backward, clipping, update) is one program that runs again and again over the same
 * memory. Made by {@link createTrainer}.
 */
export class Trainer {
  readonly #parts: Omit<TrainerParts, 'state'>;
  readonly #graph: LanguageModelGraph;
  readonly #device: Device;
  readonly #programs = new Map<string, Promise<Program>>();
  #state: TrainingState | undefined;
  #step = 0;
  #tokens = 0;
  #training = false;
  #failure: NumericalError | undefined;
  #disposed = false;

  /** Takes over the state. */
  constructor(parts: TrainerParts) {
    const { model, settings, state } = parts;
    this.#parts = parts;
    this.#device = model.device;
    this.#graph = settings.recompute === 'layers' ? recomputingLayers(model.graph) : model.graph;
    this.#state = state;
  }

  /** Steps done. While steps are under way: those that were given to the device. */
  get step(): number {
    return this.#step;
  }

  /** Where it computes: where the model is. */
  get device(): Device {
    return this.#device;
  }

  /** The options with their defaults. */
  get settings(): TrainerSettings {
    return this.#parts.settings;
  }

  /** Step, tokens, and place in the batches, as they belong to {@link Trainer.state}. */
  get progress(): TrainingProgress {
    return { step: this.#step, tokens: this.#tokens, position: this.#parts.batches.position() };
  }

  /** What is trained and what the optimiser remembers of it, until the next step takes them over. */
  get state(): TrainingState {
    return this.#alive();
  }

  /** Of the batches, where they have one. */
  get identity(): string | undefined {
    return this.#parts.batches.identity;
  }

  /** What is trained in place of the weights, if it is not they. */
  get adapter(): Adapter | undefined {
    return this.#parts.adapter;
  }

  /**
   * Trains step by step. Leaving the loop ends after the steps under way.
   *
   * {@includeCode ../examples/train.ts#train}
   * @throws {@link NumericalError} naming the step whose loss or gradient is not finite, and the first tensor that is not; the
   *   state is the one before that step
   * @throws {@link ShapeError} for a batch that does not fit the model
   * @throws {@link OutOfMemoryError} when a step does not fit the device or the limit, with what would fit
   * @throws {@link FeatureUnavailableError} when another call is training, or the trainer was disposed
   */
  async *train(call: TrainCall = {}): AsyncGenerator<TrainingEvent, void, undefined> {
    checkNames(call, ['until', 'signal', 'settleEvery'], 'train');
    const { until = Infinity, signal, settleEvery } = call;
    if (until !== Infinity) checkNumber(until, 'until', { min: 0, whole: true });
    if (settleEvery !== undefined) checkNumber(settleEvery, 'settleEvery', { min: 1, whole: true });
    signal?.throwIfAborted();
    this.#alive();
    if (this.#failure) throw this.#failure;
    if (this.#training) throw new FeatureUnavailableError('train: another call is training. Wait for its end.');
    this.#training = true;
    const underWay: UnderWay[] = [];
    const settles = (): boolean => settleEvery !== undefined && this.#step % settleEvery === 0;
    const room = (): boolean =>
      underWay.length === 0 || (underWay.length < (this.#device.onHost ? 1 : atOnce) && !settles());
    let ended = false;
    let since = performance.now();
    try {
      for (;;) {
        while (!ended && !signal?.aborted && this.#step < until && room()) {
          const started = await this.#start();
          if (started) underWay.push(started);
          else ended = true;
        }
        const oldest = underWay.shift();
        if (!oldest) break;
        const { loss, gradientNorm } = await this.#finish(oldest);
        const now = performance.now();
        const { step, learningRate, tokens } = oldest;
        const seconds = (now - since) / 1000;
        since = now;
        const batchTokens = oldest.form.accumulate * oldest.form.rows * oldest.form.context;
        yield { step, loss, gradientNorm, learningRate, tokens, tokensPerSecond: batchTokens / seconds };
        if (this.#device.onHost) await pause();
      }
      signal?.throwIfAborted();
    } finally {
      await Promise.allSettled(underWay.map(({ reading }) => reading));
      this.#training = false;
    }
  }

  /**
   * Loss and perplexity over batches, with the weights as they are.
   * @throws {@link ShapeError} for a batch that does not fit the model, and when there are none
   */
  async evaluate(
    batches: Iterable<TrainingBatch> | AsyncIterable<TrainingBatch>,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<Evaluation> {
    let [total, tokens] = [0, 0];
    for await (const batch of batches) {
      signal?.throwIfAborted();
      const { loss, count } = await this.#lossOf(batch);
      total += loss * count;
      tokens += count;
      if (this.#device.onHost) await pause();
    }
    if (tokens === 0)
      throw new FeatureUnavailableError('evaluate: there are no batches, and so no loss. Give at least one.');
    const loss = total / tokens;
    return { loss, perplexity: Math.exp(loss), tokens };
  }

  /**
   * A model of its own with the weights as they are, on the same device, to generate with or to save: in f32, or with what an
   * adapter changes merged into weights kept as those of its model. To be disposed; what is trained afterwards does not change it.
   */
  async model(): Promise<Model> {
    const { model, adapter, parametrization } = this.#parts;
    const params = parametrization.parametersOf(this.#alive().params);
    return this.#modelOf(await copyWeights(params, this.#device, adapter && model.params), true);
  }

  /** As {@link Trainer.model}, over the weights themselves, and so only until the next step. Disposing it frees programs, not weights. */
  view(): Model {
    return this.#modelOf(this.#parts.parametrization.parametersOf(this.#alive().params), false);
  }

  /** Frees weights, state and programs; the model that was handed in stays as it is. Idempotent. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    disposeTree(this.#state);
    this.#state = undefined;
    for (const program of this.#programs.values())
      await program.then(
        (made) => made.dispose(),
        () => {}, // what failed to compile has nothing to free
      );
  }

  /** As {@link Trainer.dispose}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** @internal Goes on from where a checkpoint stood. */
  async resume({ step, tokens, position }: TrainingProgress): Promise<void> {
    await this.#parts.batches.seek(position);
    this.#step = step;
    this.#tokens = tokens;
  }

  /** Gives the device the next step; undefined when the batches end. */
  async #start(): Promise<UnderWay | undefined> {
    const { model, settings, batches: source, optimizer, form: stateForm } = this.#parts;
    const batches: TrainingBatch[] = [];
    for (let taken = 0; taken < settings.accumulate; taken++) {
      const batch = await source.next();
      if (!batch) return undefined;
      checkBatch(batch, model.spec);
      batches.push(batch);
    }
    checkAlike(batches);
    const form = this.#formOf(batches);
    const program = await this.#program(`train ${sizeKey(form)}`, () =>
      compileTrainStep(form, this.#device, { memoryLimit: this.#parts.memoryLimit, recompute: settings.recompute }),
    );
    const factor = scheduleFactor(settings.schedule, this.#step);
    const numbers = Float32Array.from(optimizer.updates.flatMap((rule) => rule.numbers(this.#step, factor)));
    const given = [fromHost(this.#keys(), [form.accumulate, 2], 'u32'), ...batchIds(batches, form)];
    const state = this.#alive();
    // From here on the state is the program's; it comes back with the outputs.
    this.#state = undefined;
    const outputs = program.run([...treeLeaves(state), fromHost(numbers, [numbers.length]), ...given]);
    this.#state = fillTree(stateForm, outputs.slice(0, -1));
    const metrics = outputs.at(-1)!;
    const reading = this.#device.read(metrics).finally(() => metrics.dispose());
    reading.catch(() => {}); // told when it is awaited
    this.#step++;
    this.#tokens += form.accumulate * form.rows * form.context;
    return {
      step: this.#step,
      tokens: this.#tokens,
      learningRate: settings.optimizer.learningRate * factor,
      given,
      form,
      reading,
    };
  }

  async #finish({ step, reading, given, form }: UnderWay): Promise<{ loss: number; gradientNorm: number }> {
    const [loss, gradientNorm] = (await reading) as ArrayLike<number> & [number, number];
    if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) return { loss, gradientNorm };
    const first = await findNonFinite(form, this.#device, [...treeLeaves(this.#alive().params), ...given]);
    this.#failure = new NumericalError(
      `train: at step ${step} the loss is ${loss} and the gradient's norm ${gradientNorm}, expected finite numbers; ${first ?? 'the norm'} is the first that is not. The weights are those before this step: lower the learning rate, clip, or look at the batch.`,
      { facts: { step, loss, gradientNorm, tensor: first } },
    );
    // The step itself, and one that ran ahead, changed nothing.
    this.#step = step - 1;
    throw this.#failure;
  }

  async #lossOf(batch: TrainingBatch): Promise<{ readonly loss: number; readonly count: number }> {
    const { model, form: stateForm } = this.#parts;
    checkBatch(batch, model.spec);
    const form = this.#formOf([batch]);
    const program = await this.#program(`evaluate ${sizeKey(form)}`, () =>
      this.#device.compile(traceEvaluation({ ...form, graph: model.graph, form: stateForm.params })),
    );
    const shape = [batch.rows, batch.context + 1];
    const ids = batchIds([batch], form).map(({ source }) =>
      fromHost((source as { readonly data: Int32Array }).data, shape, 'i32'),
    );
    const [made] = program.run([...treeLeaves(this.#alive().params), ...ids]);
    try {
      const [loss, count] = await this.#device.read(made!);
      return { loss: loss!, count: count! };
    } finally {
      made!.dispose();
    }
  }

  #formOf(batches: readonly TrainingBatch[]): TrainStep {
    const [first] = batches as readonly [TrainingBatch];
    const { rows, context } = first;
    const { settings, optimizer, form, parametrization } = this.#parts;
    return {
      graph: this.#graph,
      optimizer,
      form,
      lossOf: parametrization.lossOf,
      clip: settings.clip,
      accumulate: batches.length,
      rows,
      context,
      beside: besideTokens(first),
    };
  }

  /** Keys of the random numbers of a step: of each batch another one, and after a resume the same. */
  #keys(): Uint32Array {
    const { accumulate, seed } = this.#parts.settings;
    const words: [number, number] = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
    return Uint32Array.from(
      Array.from({ length: accumulate }, (_, batch) => foldKey(words, this.#step * accumulate + batch)).flat(),
    );
  }

  #program(key: string, make: () => Promise<Program>): Promise<Program> {
    let program = this.#programs.get(key);
    if (!program) {
      program = make();
      this.#programs.set(key, program);
      program.catch(() => this.#programs.delete(key));
    }
    return program;
  }

  #alive(): TrainingState {
    if (this.#disposed) throw new FeatureUnavailableError('The trainer was disposed. Make another one.');
    if (!this.#state)
      throw new FeatureUnavailableError('The trainer lost its weights when a step failed. Resume from a checkpoint.');
    return this.#state;
  }

  #modelOf(params: ByPath, ownsWeights: boolean): Model {
    const { model, adapter } = this.#parts;
    const { graph, device, contextLength, origin, text, memory } = model;
    return new AssembledModel({
      graph,
      device,
      ownsDevice: false,
      params,
      ownsWeights,
      estimate: adapter ? memory : estimateMemory(graph, 'fp32', contextLength),
      loadMs: 0,
      ...(origin && { origin }),
      ...(text && { text }),
    });
  }
}

function sizeKey({ accumulate, rows, context, beside }: StepSize): string {
  return `${accumulate} ${rows} ${context} ${beside.join()}`;
}
