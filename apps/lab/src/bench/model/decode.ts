import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import type { Program } from '@tessera/tensor-core';
import type { Scale } from '../scale.ts';
import type { Statistics } from '../statistics.ts';
import { statisticsOf } from '../statistics.ts';
import { promptBefore } from './shape.ts';
import type { ModelShape } from './shape.ts';
import type { StepTimes } from './step-times.ts';
import { Decoding, runStep, someIds } from './steps.ts';

/** Times of a decode step, microseconds a token. `batched`: ids come to the host sixteen at a time. */
export interface DecodeTimes extends StepTimes {
  /** Every id comes to the host, while one further step is under way. */
  readonly ahead: Statistics;
  /** Submits a token in that order. */
  readonly submits: number;
}

/** The programs that a sequence runs through. */
export interface DecodePrograms {
  readonly start: Program;
  /** Reads the tokens before those that are generated. */
  readonly context: Program;
  readonly decode: Program;
}

/** How decoding is timed. */
export interface DecodeCall {
  readonly device: WebGpuDevice;
  readonly programs: DecodePrograms;
  readonly shape: ModelShape;
  readonly scale: Scale;
}

/** Ids that come to the host together. */
const together = 16;
const warmUp = 4;

/** A sequence that has read the prompt before the timed context. */
async function openSequence({ device, programs, shape }: Omit<DecodeCall, 'scale'>): Promise<Decoding> {
  const ids = someIds(promptBefore(shape), shape.vocabSize);
  const { given, state } = runStep(programs.context, ids, shape.context, programs.start.run([]));
  await device.read(given);
  return new Decoding(device, programs.decode, given, state);
}

/** Lets `measure` have a sequence in the middle of whose steps the context is the one that is timed. */
export async function aroundContext<T>(
  call: Omit<DecodeCall, 'scale'>,
  measure: (sequence: Decoding) => Promise<T>,
): Promise<T> {
  const sequence = await openSequence(call);
  try {
    for (let i = 0; i < warmUp; i++) sequence.turn();
    await call.device.read(sequence.token);
    return await measure(sequence);
  } finally {
    sequence.dispose();
  }
}

/** The first tokens of a greedy decoder after the prompt. */
export async function greedyIds(call: Omit<DecodeCall, 'scale'>, count: number): Promise<number[]> {
  const sequence = await openSequence(call);
  const ids: number[] = [];
  for (let i = 0; i < count; i++) {
    if (i > 0) sequence.turn();
    ids.push((await call.device.read(sequence.token))[0]!);
  }
  sequence.dispose();
  return ids;
}

/** Steps whose ids come to the host together, and the host's part of them. */
export async function timeBatched(call: DecodeCall): Promise<Pick<StepTimes, 'batched' | 'host'>> {
  const [batched, host]: [number[], number[]] = [[], []];
  for (let round = 0; round < roundsOf(call); round++)
    await aroundContext(call, async (sequence) => {
      for (const count of groupsOf(call.shape)) {
        const begun = performance.now();
        for (let k = 0; k < count; k++) sequence.turn();
        host.push((1000 * (performance.now() - begun)) / count);
        await call.device.read(sequence.token);
        batched.push((1000 * (performance.now() - begun)) / count);
      }
    });
  return { batched: statisticsOf(batched), host: statisticsOf(host) };
}

/** Times decode steps around one context in all three orders. */
export async function timeDecode(call: DecodeCall): Promise<DecodeTimes> {
  const { device, shape } = call;
  const [awaited, ahead]: [number[], number[]] = [[], []];
  let submits = 0;
  for (let round = 0; round < roundsOf(call); round++) {
    await aroundContext(call, async (sequence) => {
      for (let i = 0; i < shape.tokens - warmUp; i++) {
        const begun = performance.now();
        sequence.turn();
        await device.read(sequence.token);
        awaited.push(1000 * (performance.now() - begun));
      }
    });
    await aroundContext(call, async (sequence) => {
      for (const count of groupsOf(shape)) {
        const before = device.counters.submits;
        const begun = performance.now();
        await oneAhead(device, sequence, count);
        ahead.push((1000 * (performance.now() - begun)) / count);
        submits = (device.counters.submits - before) / count;
      }
    });
  }
  return { awaited: statisticsOf(awaited), ahead: statisticsOf(ahead), submits, ...(await timeBatched(call)) };
}

function roundsOf({ scale }: DecodeCall): number {
  return scale === 'dry' ? 1 : 4;
}

/** Steps of a sequence in groups. */
function groupsOf({ tokens }: ModelShape): number[] {
  const steps = tokens - warmUp;
  const group = Math.min(together, steps);
  return new Array<number>(Math.floor(steps / group)).fill(group);
}

async function oneAhead(device: WebGpuDevice, sequence: Decoding, count: number): Promise<void> {
  const underWay: Promise<unknown>[] = [];
  for (let k = 0; k < count; k++) {
    sequence.turn();
    underWay.push(device.read(sequence.token));
    if (underWay.length > 1) await underWay.shift();
  }
  await Promise.all(underWay);
}
