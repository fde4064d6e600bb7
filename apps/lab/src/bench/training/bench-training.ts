import { CpuDevice, disposeTree, treeLeaves } from '@tessera/tensor-core';
import type { Cost, Device, Tensor } from '@tessera/tensor-core';
import type { Trainer, TrainingEvent } from '@tessera/training';
import type { TimedDevice } from '../clocks.ts';
import type { Part } from '../model/parts.ts';
import { profileSteps } from '../model/parts.ts';
import type { Waterfall } from '../model/waterfall.ts';
import { waterfallOf } from '../model/waterfall.ts';
import type { Scale } from '../scale.ts';
import type { Statistics } from '../statistics.ts';
import { statisticsOf } from '../statistics.ts';
import type { Roofs } from '../work.ts';
import { boundOf } from '../work.ts';
import { openTrainer } from './open-trainer.ts';
import type { TrainingShape } from './training-shape.ts';
import { parametersOf, tinyShape, tokensOf, trainingWork } from './training-shape.ts';
import type { TrainingVariant } from './training-variant.ts';
import { WatchedDevice } from './watched-device.ts';

/** Figures of training steps; times are microseconds of a step. */
interface TrainingFigures {
  /** From the loss of one step to that of the next, by the clock of somebody who reads the events. */
  readonly step: Statistics;
  /** A whole run of as many steps, divided by them. */
  readonly run: number;
  /** Each loss awaited before the next step begins. */
  readonly awaited: Statistics;
  /** Of all dispatches by timestamps, summed; absent where the device has no exact ones. */
  readonly gpu: number | undefined;
  /** Host time of recording a step. */
  readonly host: Statistics;
  readonly dispatches: number;
  /** Milliseconds to trace and compile the step. */
  readonly compileMs: number;
  /** The most bytes that the device held while steps ran, free buffers included. */
  readonly heldBytes: number;
  /** Bytes of weights and of what the optimiser remembers. */
  readonly stateBytes: number;
  readonly waterfall: Waterfall | undefined;
}

/** Training of one shape in one way. */
export interface TrainingReport {
  readonly shape: TrainingShape;
  readonly variant: string;
  readonly outcome: 'measured' | 'dry' | 'wrong' | 'failed' | 'not reached';
  readonly reason?: string;
  readonly parameters: number;
  /** Tokens of a step. */
  readonly tokens: number;
  readonly work: Cost;
  readonly tolerance: number;
  /** Largest difference of losses and gradient norms from those of the CPU, as a part of them, at a tiny shape. */
  readonly error?: number;
  /** Of the first step and the last, on the same batch. */
  readonly losses?: readonly [first: number, last: number];
  readonly figures?: TrainingFigures;
}

/** With what training is timed. */
export interface TrainingContext extends TimedDevice {
  readonly scale: Scale;
  readonly shape: TrainingShape;
  readonly roofs: Roofs;
}

/** Steps that are timed, and before them. */
const stepsOf = (scale: Scale): { warmUp: number; timed: number; awaited: number; profiled: number } =>
  scale === 'dry'
    ? { warmUp: 2, timed: 4, awaited: 2, profiled: 1 }
    : { warmUp: 5, timed: 40, awaited: 8, profiled: 6 };

/** A random model knows nothing: its first loss is about ln V, and a little more as its logits differ. */
const mostAbove = 0.6;
/** What a batch that is seen again and again must have lost at least. */
const leastFall = 0.005;

/** A report without figures. */
export function trainingWithout(
  shape: TrainingShape,
  { name, tolerance }: TrainingVariant,
  outcome: Exclude<TrainingReport['outcome'], 'measured'>,
  reason?: string,
): TrainingReport {
  return {
    shape,
    variant: name,
    outcome,
    parameters: parametersOf(shape),
    tokens: tokensOf(shape),
    work: trainingWork(shape),
    tolerance,
    ...(reason !== undefined && { reason }),
  };
}

/** Times training by the public `createTrainer`, and checks it in the same process. */
export async function benchTraining(context: TrainingContext, variant: TrainingVariant): Promise<TrainingReport> {
  try {
    return await reportOf(context, variant);
  } catch (error) {
    return trainingWithout(context.shape, variant, 'failed', error instanceof Error ? error.message : String(error));
  }
}

async function reportOf(context: TrainingContext, variant: TrainingVariant): Promise<TrainingReport> {
  const { device, shape, scale, roofs } = context;
  const error = await trainingError(variant, device);
  const report = { ...trainingWithout(shape, variant, 'dry'), error };
  if (!(error <= report.tolerance))
    return { ...report, outcome: 'wrong', reason: `losses differ by ${error.toExponential(1)} from the CPU's` };
  const watched = new WatchedDevice(device);
  const trainer = await openTrainer(shape, variant, watched);
  try {
    const { warmUp, timed, awaited, profiled } = stepsOf(scale);
    const stateBytes = treeLeaves(trainer.state).reduce((total, { size }) => total + 4 * size, 0);
    const before = await timeSteps(trainer, { count: warmUp });
    const measured = await timeSteps(trainer, { count: timed });
    const [step] = watched.programs as [(typeof watched.programs)[number]];
    const host = step.host.slice(warmUp);
    const waited = await timeSteps(trainer, { count: awaited, settleEvery: 1 });
    const losses = [before.losses[0]!, waited.losses.at(-1)!] as const;
    const wrong = wrongLosses(losses, shape);
    if (wrong !== undefined) return { ...report, losses, outcome: 'wrong', reason: wrong };
    const parts = context.timestamps ? await partsOfStep(trainer, watched, profiled) : undefined;
    if (scale === 'dry') return { ...report, losses };
    const times = {
      awaited: statisticsOf(waited.intervals),
      batched: statisticsOf(measured.intervals),
      host: statisticsOf(host),
    };
    const title = `Training step of ${shape.rows} × ${shape.context} tokens, ${variant.name}`;
    return {
      ...report,
      losses,
      outcome: 'measured',
      figures: {
        step: times.batched,
        run: measured.whole,
        awaited: times.awaited,
        gpu: parts?.reduce((total, { microseconds }) => total + microseconds, 0),
        host: times.host,
        dispatches: step.program.dispatches,
        compileMs: step.compileMs,
        heldBytes: watched.mostHeld,
        stateBytes,
        waterfall: parts && waterfallOf(title, boundOf(report.work, roofs), parts, times),
      },
    };
  } finally {
    await trainer.dispose();
  }
}

function wrongLosses([first, last]: readonly [number, number], { vocabSize }: TrainingShape): string | undefined {
  const unknowing = Math.log(vocabSize);
  if (!(Math.abs(first - unknowing) < mostAbove))
    return `the first loss is ${first.toFixed(3)}, where ln V is ${unknowing.toFixed(3)}`;
  if (!(last < first - leastFall))
    return `the loss of one batch went from ${first.toFixed(3)} to ${last.toFixed(3)}, and should fall`;
  return undefined;
}

/** Goes on for some steps: microseconds from event to event, those of the whole divided by the steps, and the losses. */
async function timeSteps(
  trainer: Trainer,
  { count, settleEvery }: { readonly count: number; readonly settleEvery?: number },
): Promise<{ intervals: number[]; whole: number; losses: number[] }> {
  const [intervals, losses]: [number[], number[]] = [[], []];
  const begun = performance.now();
  let since = begun;
  for await (const { loss } of trainer.train({ until: trainer.step + count, settleEvery })) {
    const now = performance.now();
    intervals.push(1000 * (now - since));
    since = now;
    losses.push(loss);
  }
  return { intervals, whole: (1000 * (since - begun)) / count, losses };
}

/** GPU time of a step by kind of dispatch. The trainer's state is used up: it can only be disposed. */
async function partsOfStep(trainer: Trainer, { programs }: WatchedDevice, times: number): Promise<Part[]> {
  const [{ program, inputs }] = programs as [(typeof programs)[number]];
  let state: readonly Tensor[] = treeLeaves(trainer.state);
  const rest = inputs.slice(state.length);
  try {
    return await profileSteps(
      program,
      times,
      async () => [...state, ...rest],
      (outputs) => {
        state = outputs.slice(0, -1);
        outputs.at(-1)!.dispose();
      },
    );
  } finally {
    disposeTree(state);
  }
}

const comparedSteps = 4;

/** The largest difference of losses and gradient norms from those of the CPU, as a part of them. */
export async function trainingError(variant: TrainingVariant, device: Device): Promise<number> {
  const expected = await eventsOn(new CpuDevice(), variant);
  const actual = await eventsOn(device, variant);
  const differences = actual.flatMap(({ loss, gradientNorm }, index) => [
    Math.abs(loss / expected[index]!.loss - 1),
    Math.abs(gradientNorm / expected[index]!.gradientNorm - 1),
  ]);
  return Math.max(...differences);
}

async function eventsOn(device: Device, variant: TrainingVariant): Promise<TrainingEvent[]> {
  const trainer = await openTrainer(tinyShape, variant, device);
  try {
    const events: TrainingEvent[] = [];
    for await (const event of trainer.train({ until: comparedSteps })) events.push(event);
    return events;
  } finally {
    await trainer.dispose();
  }
}
