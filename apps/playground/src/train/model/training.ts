import type { Model } from '@tessera/assembler';
import { isTesseraError } from '@tessera/tensor-core';
import type { Trainer, TrainingBatch } from '@tessera/training';
import type { Recipe, Tell } from '../protocol.ts';
import { StepReports } from './step-reports.ts';
import { writeText } from './write-text.ts';
import type { Writing } from './write-text.ts';

/** Why a person ends what is under way: the reason of its abort. */
export class Asked extends Error {
  readonly what: 'pause' | 'stop';

  constructor(what: Asked['what']) {
    super(what);
    this.what = what;
  }
}

/** Tokens of a text that is written while the model learns: enough for a story. */
const sampleTokens = 200;

/** The steps are cut into so many parts, of some steps at least; after each the model is measured, and after every fourth it writes. */
const evaluations = 20;
const leastSteps = 5;
const evaluationsPerSample = 4;

/** A training under way or paused. */
export class Training {
  readonly #trainer: Trainer;
  readonly #recipe: Recipe;
  readonly #validation: readonly TrainingBatch[];
  readonly #tell: Tell;
  #wanted: Writing[] = [];

  /** Takes over the trainer. */
  constructor(trainer: Trainer, recipe: Recipe, validation: readonly TrainingBatch[], tell: Tell) {
    this.#trainer = trainer;
    this.#recipe = recipe;
    this.#validation = validation;
    this.#tell = tell;
  }

  /** Steps done. */
  get step(): number {
    return this.#trainer.step;
  }

  /** A model with the weights as they are, to be disposed. */
  model(): Promise<Model> {
    return this.#trainer.model();
  }

  /** Has this written after the next step. */
  want(writing: Writing): void {
    this.#wanted.push(writing);
  }

  /** What was wanted and not yet written. */
  takeWanted(): readonly Writing[] {
    const wanted = this.#wanted;
    this.#wanted = [];
    return wanted;
  }

  /**
   * Trains to the last step or until an abort, and tells of it.
   * @param signal - its reason is {@link Asked}
   * @param stopWriting - for each text a signal that ends it alone
   * @returns whether it can go on
   */
  async run(signal: AbortSignal, stopWriting: () => AbortSignal): Promise<'paused' | 'ended'> {
    const { steps: until, batch, context } = this.#recipe;
    const evaluateEvery = Math.max(leastSteps, Math.ceil(until / evaluations));
    const reports = new StepReports(this.#tell);
    try {
      for await (const { step, loss } of this.#trainer.train({ until, signal, settleEvery: evaluateEvery })) {
        reports.add(step, loss, batch * context);
        const evaluates = step % evaluateEvery === 0 || step === until;
        if ((!evaluates && this.#wanted.length === 0) || signal.aborted) continue;
        reports.interrupt();
        if (evaluates) await this.#evaluate(step, signal);
        const sampled = step === until || step % (evaluateEvery * evaluationsPerSample) === 0;
        await this.#write(step, [...this.takeWanted(), ...(sampled ? [this.#sample()] : [])], signal, stopWriting);
        reports.resume();
      }
      reports.flush();
      this.#tell({ type: 'ended', because: 'steps' });
      return 'ended';
    } catch (error) {
      reports.flush();
      if (signal.aborted && error instanceof Asked) {
        this.#tell(error.what === 'pause' ? { type: 'paused' } : { type: 'ended', because: 'stop' });
        return error.what === 'pause' ? 'paused' : 'ended';
      }
      if (!isTesseraError(error) || error.code !== 'NUMERICAL') throw error;
      // The weights are those before the step that failed, which are worth having.
      this.#tell({ type: 'ended', because: 'problem', sentence: error.message });
      return 'ended';
    }
  }

  dispose(): Promise<void> {
    return this.#trainer.dispose();
  }

  async #evaluate(step: number, signal: AbortSignal): Promise<void> {
    if (this.#validation.length === 0) return;
    const { loss } = await this.#trainer.evaluate(this.#validation, { signal });
    this.#tell({ type: 'evaluated', step, loss });
  }

  #sample(): Writing {
    return { prompt: '', temperature: 0.8, seed: this.#recipe.seed, most: sampleTokens };
  }

  async #write(
    step: number,
    writings: readonly Writing[],
    signal: AbortSignal,
    stopWriting: () => AbortSignal,
  ): Promise<void> {
    if (writings.length === 0) return;
    await using model = await this.model();
    for (const writing of writings) {
      if (signal.aborted) return;
      this.#tell({ type: 'writing', step, prompt: writing.prompt });
      await writeText(model, writing, this.#tell, AbortSignal.any([signal, stopWriting()]));
    }
  }
}
