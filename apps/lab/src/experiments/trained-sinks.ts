import type { Model, ModelSpecInput } from '@tessera/assembler';
import type { AttentionConfig } from '@tessera/attention-softmax';
import { softmaxAttention } from '@tessera/attention-softmax';
import type { CachePolicy } from '@tessera/plugin';
import type { SinkCacheOptions } from '@tessera/streaming-sinks';
import { sinkCache } from '@tessera/streaming-sinks';
import { createTrainer } from '@tessera/training';
import type { BackcopyTask, BackcopyText } from './backcopy-task.ts';
import { backcopyBatches, backcopyText } from './backcopy-task.ts';
import { alongStream, streamAssembler } from './stream-run.ts';
import { meanLoss, streamedLoss } from './streamed-loss.ts';
import type { Study, StudyCall } from './study.ts';
import { turn } from './study.ts';
import { trainedSinksFinding } from './trained-sinks-finding.ts';

/** Sizes of a {@link trainedSinksStudy}. */
export interface TrainedSinksSizes {
  readonly task: BackcopyTask;
  readonly width: number;
  readonly layers: number;
  /** Tokens of a text to learn with. */
  readonly context: number;
  /** Texts of a batch. */
  readonly rows: number;
  readonly steps: number;
  /** Tokens that each token of a stream sees, sinks and itself among them. */
  readonly seen: number;
  /** Tokens of the stream that are predicted. */
  readonly count: number;
  /** Of the tokens after the first that are evicted, one in so many is read afresh with what it sees. */
  readonly every: number;
}

/** Sizes at which the study says something. */
export const trainedSinksSizes: TrainedSinksSizes = {
  task: { vocabSize: 48, triggers: 4, triggerShare: 0.15 },
  width: 32,
  layers: 1,
  context: 64,
  rows: 16,
  steps: 1000,
  seen: 48,
  count: 100_000,
  every: 16,
};

/** A stream through a model. */
interface TrainedSinksRow {
  readonly seed: number;
  /** What it was trained with. */
  readonly trained: string;
  /** Absent: windows are read afresh. */
  readonly cache?: Required<Pick<SinkCacheOptions, 'sinks' | 'positions'>>;
  readonly name: string;
  /** In nats a token, over the tokens after the first that are evicted; absent where windows are read afresh. */
  readonly loss?: number;
  /** Over those of them that are read afresh, too. */
  readonly lossOfSome: number;
  /** What is above the least that is possible, of words and of what comes after triggers. */
  readonly above: { readonly words: number; readonly copies: number };
  readonly along?: readonly (readonly [number, number])[];
  /** After the first step and after the last. */
  readonly bytes?: readonly [number, number];
}

/** What came of trainings. */
export interface TrainedSinksResults {
  readonly rows: readonly TrainedSinksRow[];
  /** The least loss that is possible on each seed's stream. */
  readonly best: Readonly<Record<number, number>>;
  /** Of each training, in seconds. */
  readonly seconds: readonly number[];
}

/** What models are trained with: how attention is normalised, and whether each text begins with a token that means nothing. */
interface Training {
  readonly attention: Partial<AttentionConfig>;
  readonly begins: boolean;
  /** Numbers of sinks to stream with. */
  readonly sinks: readonly number[];
}

const trainings: Readonly<Record<string, Training>> = {
  'softmax, with a sink token': { attention: {}, begins: true, sinks: [0, 1, 2, 4, 8] },
  softmax: { attention: {}, begins: false, sinks: [0, 1, 2, 4, 8] },
  'softmax off by one': { attention: { sinkLogits: 'zero' }, begins: false, sinks: [0, 4] },
  'learned sink logits': { attention: { sinkLogits: 'learned' }, begins: false, sinks: [0, 4] },
};

/** Parts of a stream in the picture. */
const parts = 25;
/** Rows of a forward pass that reads windows afresh. */
const rowsAtOnce = 64;

/**
 * Small models that learn to park idle attention on the token that begins a text, or, trained otherwise, do not: streamed far beyond their
 * context with sinks and without, at positions of the cache and of the stream. They are attention and nothing else, so that a head that has
 * nothing to fetch disturbs what is told.
 * @see Xiao et al. 2023, arXiv:2309.17453, sections 3.1 to 3.3.
 */
export function trainedSinksStudy(sizes: TrainedSinksSizes = trainedSinksSizes): Study {
  const rows: TrainedSinksRow[] = [];
  const best: Record<number, number> = {};
  const seconds: number[] = [];
  return {
    name: 'trained-sinks',
    async run(call) {
      for (const seed of call.seeds)
        for (const [trained, training] of Object.entries(trainings)) {
          const begun = performance.now();
          const weights = await train(trained, seed, sizes, call);
          seconds.push((performance.now() - begun) / 1000);
          const whole = backcopyText(sizes.task, sizes.count + 1, [seed, 0x57ea]);
          const from = training.begins ? 0 : 1;
          const text = {
            tokens: whole.tokens.slice(from, from + sizes.count + 1),
            best: whole.best.slice(from, from + sizes.count),
          };
          best[seed] = meanLoss(whole.best, sizes.seen);
          const on: Streaming = { weights, training, text, sizes, call };
          const add = (row: Omit<TrainedSinksRow, 'seed' | 'trained'>): void => {
            rows.push({ seed, trained, ...row });
            call.progress(`${trained}, seed ${seed}, ${row.name}: ${row.lossOfSome.toFixed(4)} nats`);
          };
          for (const cache of cachesOf(training)) add(await streamed(cache, on));
          for (const begins of training.begins ? [true, false] : [false]) add(await afresh(begins, on));
        }
    },
    finding: () => trainedSinksFinding({ rows, best, seconds }, sizes),
  };
}

/** What streams through what. */
interface Streaming {
  readonly weights: Readonly<Record<string, Float32Array>>;
  readonly training: Training;
  readonly text: BackcopyText;
  readonly sizes: TrainedSinksSizes;
  readonly call: StudyCall;
}

/** All numbers of sinks at positions of the cache, none and four at those of the stream. */
function cachesOf({ sinks }: Training): NonNullable<TrainedSinksRow['cache']>[] {
  const caches = (positions: 'cache' | 'stream', counts: readonly number[]): NonNullable<TrainedSinksRow['cache']>[] =>
    counts.map((count) => ({ sinks: count, positions }));
  return [...caches('cache', sinks), ...caches('stream', [0, 4])];
}

function specOf({ attention }: Training, { task, width, layers, context }: TrainedSinksSizes): ModelSpecInput {
  const norm = { type: '@tessera/norms:rms' };
  return {
    vocabSize: task.vocabSize,
    dModel: width,
    maxPositions: context,
    layers: Array.from({ length: layers }, () => ({
      mixerNorm: norm,
      mixer: softmaxAttention({ heads: 1, rotary: { theta: 10_000 }, ...attention }),
    })),
    finalNorm: norm,
  };
}

async function train(
  name: string,
  seed: number,
  sizes: TrainedSinksSizes,
  { device, signal, progress }: StudyCall,
): Promise<Streaming['weights']> {
  const { task, rows, context, steps } = sizes;
  const training = trainings[name]!;
  await using model = await streamAssembler.assemble(specOf(training, sizes), { device, seed });
  await using trainer = await createTrainer(model, {
    batches: backcopyBatches(task, { rows, context, seed: seed + 1, begins: training.begins }),
    optimizer: { kind: 'adamw', learningRate: 0.01, weightDecay: 0.01 },
    schedule: { kind: 'cosine', warmup: Math.min(100, Math.floor(steps / 10)), steps, floor: 0.02 },
    seed,
  });
  for await (const { step, loss } of trainer.train({ until: steps, signal }))
    if (step % 250 === 0) progress(`${name}, seed ${seed}: step ${step}, loss ${loss.toFixed(4)}`);
  const weights: Record<string, Float32Array> = {};
  for (const [path, tensor] of Object.entries(trainer.view().params))
    weights[path] = Float32Array.from(await device.read(tensor));
  return weights;
}

async function opened({ weights, training, sizes, call }: Streaming, cachePolicy?: CachePolicy): Promise<Model> {
  const model = await streamAssembler.assemble(specOf(training, sizes), { device: call.device, cachePolicy });
  for (const [path, values] of Object.entries(weights)) model.overwrite(path, values);
  return model;
}

async function streamed(
  cache: NonNullable<TrainedSinksRow['cache']>,
  on: Streaming,
): Promise<Omit<TrainedSinksRow, 'seed' | 'trained'>> {
  const { text, sizes, call } = on;
  const { seen } = sizes;
  await using model = await opened(on, sinkCache({ ...cache, window: seen - cache.sinks }));
  const { losses, bytes } = await streamedLoss(model, text.tokens, call);
  const evicted = Array.from({ length: losses.length - seen }, (_, i) => seen + i);
  return {
    cache,
    name: `${cache.sinks === 0 ? 'no' : cache.sinks} sink${cache.sinks === 1 ? '' : 's'}, positions of the ${cache.positions}`,
    loss: meanLoss(losses, seen),
    lossOfSome: meanLoss(placesOf(sizes).map((t) => losses[t]!)),
    above: aboveBest(evicted, (t) => losses[t]!, on),
    along: alongStream(losses, parts),
    bytes,
  };
}

/** The last `seen` tokens of some places read as a text of their own, that of a beginning before them or not. */
async function afresh(begins: boolean, on: Streaming): Promise<Omit<TrainedSinksRow, 'seed' | 'trained'>> {
  const { text, sizes, call } = on;
  const { seen } = sizes;
  await using model = await opened(on);
  const at = placesOf(sizes);
  const losses = new Map<number, number>();
  for (let from = 0; from < at.length; from += rowsAtOnce) {
    await turn(call);
    const some = at.slice(from, from + rowsAtOnce);
    const made = await model.lossOf(
      some.map((t) => [...(begins ? [0] : []), ...text.tokens.slice(t - seen + (begins ? 2 : 1), t + 2)]),
    );
    some.forEach((t, row) => losses.set(t, made[(row + 1) * seen - 1]!));
  }
  return {
    name: begins ? 'read afresh after a sink token' : 'read afresh',
    lossOfSome: meanLoss([...losses.values()]),
    above: aboveBest(at, (t) => losses.get(t)!, on),
  };
}

/** Tokens that are read afresh. */
function placesOf({ seen, count, every }: TrainedSinksSizes): number[] {
  return Array.from({ length: Math.floor((count - seen) / every) }, (_, index) => seen + index * every);
}

/** Mean loss above the least that is possible, of places where a word is drawn and of those after a trigger. */
function aboveBest(
  places: readonly number[],
  lossAt: (t: number) => number,
  { text: { tokens, best }, sizes: { task } }: Streaming,
): TrainedSinksRow['above'] {
  const mean = (some: readonly number[]): number => meanLoss(some.map((t) => lossAt(t) - best[t]!));
  const isCopied = (t: number): boolean => tokens[t]! > 0 && tokens[t]! <= task.triggers;
  return { words: mean(places.filter((t) => !isCopied(t))), copies: mean(places.filter(isCopied)) };
}
