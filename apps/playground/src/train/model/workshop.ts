import type { Model } from '@tessera/assembler';
import type { Device } from '@tessera/tensor-core';
import { FeatureUnavailableError } from '@tessera/tensor-core';
import type { Recipe, Tell, Texts, TrainRequest } from '../protocol.ts';
import { trainingAssembler } from './assembler.ts';
import { packModel } from './pack-model.ts';
import { prepareTraining } from './prepare-training.ts';
import { Asked } from './training.ts';
import type { Training } from './training.ts';
import { unpackFiles } from './unpack-files.ts';
import { writeText } from './write-text.ts';
import type { Writing } from './write-text.ts';

/** New tokens of a text at most. */
const mostTokens = 500;

/**
 * A device, and the one model that is trained, written with or packed on it. What takes long happens in turn; what comes last
 * frees what was.
 */
export class Workshop {
  readonly #device: Device;
  readonly #tell: Tell;
  #training: Training | undefined;
  /** A copy of the weights in a pause, or all that is left after the end. */
  #model: Model | undefined;
  /** While something is prepared or trained. */
  #run: AbortController | undefined;
  #writing: AbortController | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(device: Device, tell: Tell) {
    this.#device = device;
    this.#tell = tell;
  }

  /** Prepares a training and runs it. */
  train(recipe: Recipe, texts: Texts): Promise<void> {
    this.#interrupt();
    return this.#inTurn(async () => {
      await this.#free();
      const { signal } = (this.#run = new AbortController());
      try {
        this.#training = await prepareTraining(recipe, texts, this.#device, this.#tell, signal);
        await this.#trainOn(signal);
      } catch (error) {
        if (!signal.aborted || !(error instanceof Asked)) throw error;
        this.#tell({ type: 'cancelled' });
      } finally {
        this.#run = undefined;
      }
    });
  }

  /** Goes on after a pause. */
  continue(): Promise<void> {
    this.stopWriting();
    return this.#inTurn(async () => {
      if (!this.#training) return;
      await this.#model?.dispose();
      this.#model = undefined;
      const { signal } = (this.#run = new AbortController());
      await this.#trainOn(signal).finally(() => (this.#run = undefined));
    });
  }

  /** Ends what is under way within one step. */
  async halt(what: Asked['what']): Promise<void> {
    if (this.#run) return this.#run.abort(new Asked(what));
    if (what === 'pause') return;
    await this.#inTurn(async () => {
      if (!this.#training) return;
      await this.#end();
      this.#tell({ type: 'ended', because: 'stop' });
    });
  }

  /** Writes now, or while it trains after the next step. */
  async write({ prompt, temperature, seed }: Extract<TrainRequest, { type: 'write' }>): Promise<void> {
    const writing = { prompt, temperature, seed, most: mostTokens };
    if (this.#run) this.#training?.want(writing);
    else await this.#inTurn(() => this.#write(writing));
  }

  stopWriting(): void {
    this.#writing?.abort();
  }

  /** Packs the model as it is. */
  pack(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#inTurn(async () => packModel(await this.#modelNow()));
  }

  /** Takes a model from files in place of the one that is here. */
  load(files: readonly File[]): Promise<void> {
    this.#interrupt();
    return this.#inTurn(async () => {
      const source = await unpackFiles(files);
      const model = await trainingAssembler.load(source, { device: this.#device, dtype: 'fp32', precompile: false });
      if (!model.text) {
        await model.dispose();
        throw new FeatureUnavailableError(
          `${source.name}: there is no tokenizer.json, so nothing can be written with the model. Pick all files that belong to it.`,
        );
      }
      await this.#free();
      this.#model = model;
      const { memory, contextLength } = model;
      this.#tell({ type: 'loaded', name: source.name, model: { parameters: memory.parameters, contextLength } });
    });
  }

  /** Frees everything but the device. */
  discard(): Promise<void> {
    this.#interrupt();
    return this.#inTurn(() => this.#free());
  }

  #interrupt(): void {
    this.stopWriting();
    this.#run?.abort(new Asked('stop'));
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {}); // told to who asked for it
    return done;
  }

  async #trainOn(signal: AbortSignal): Promise<void> {
    const training = this.#training!;
    try {
      if ((await training.run(signal, () => this.#newWriting())) === 'ended') await this.#end();
    } catch (error) {
      await this.#free(); // a step that failed may have taken the weights with it
      throw error;
    }
    this.#run = undefined;
    for (const writing of training.takeWanted()) await this.#write(writing);
  }

  /** Keeps the model, and frees what only training needs. */
  async #end(): Promise<void> {
    await this.#modelNow();
    await this.#training?.dispose();
    this.#training = undefined;
  }

  async #free(): Promise<void> {
    const [training, model] = [this.#training, this.#model];
    this.#training = this.#model = undefined;
    await training?.dispose();
    await model?.dispose();
  }

  async #modelNow(): Promise<Model> {
    if (!this.#model && !this.#training) throw new FeatureUnavailableError('There is no model here. Train one first.');
    return (this.#model ??= await this.#training!.model());
  }

  async #write(writing: Writing): Promise<void> {
    const signal = this.#newWriting();
    const model = await this.#modelNow();
    this.#tell({ type: 'writing', step: this.#training?.step, prompt: writing.prompt });
    await writeText(model, writing, this.#tell, signal);
  }

  #newWriting(): AbortSignal {
    return (this.#writing = new AbortController()).signal;
  }
}
