import type { Profile, WebGpuDevice } from '@tessera/kernels-webgpu';
import type { Program, Tensor } from '@tessera/tensor-core';
import { argmax, disposeTree, fillTree, iota, trace, treeLeaves, zeros } from '@tessera/tensor-core';
import type { Clocks, TimedDevice } from '../clocks.ts';
import { clocksOf, differenceOf, takeReadings } from '../clocks.ts';
import type { Part } from '../model/parts.ts';
import { partsOf } from '../model/parts.ts';
import { compileStart, compileStep, runStep, someIds } from '../model/steps.ts';
import type { DeviceOf, PlacedModel, Room } from '../model/steps.ts';
import { Runs } from '../runs.ts';
import type { Scale } from '../scale.ts';
import type { Statistics } from '../statistics.ts';

/** What it takes to be able to take a draft back, microseconds a round. */
export interface RollbackFigures {
  /** Tokens of a round: the last one, and a draft. */
  readonly tokens: number;
  /** A pass over one token. */
  readonly step: Clocks;
  /** A pass over all of them that keeps them at once. */
  readonly pass: Clocks;
  /** The same pass with the state before it kept, and a commit of what stays. */
  readonly committed: Clocks;
  /** GPU time of that by kind of dispatch, the longest first; empty without timestamps. */
  readonly parts: readonly Part[];
  /** What a pass that is committed takes more than one just before or after it that is not, by the clock that has one. */
  readonly microseconds: Statistics;
  readonly clock: 'GPU' | 'wall';
}

/** Sizes of the rounds that are compared. */
export interface RollbackCall {
  readonly tokens: number;
  /** Positions before the first round. */
  readonly context: number;
}

/** One round. */
export interface Round {
  readonly tokens: number;
  /** Whether the state before it is kept and a commit decides what stays. */
  readonly commit: boolean;
}

/** Runs of a batch, few, so that all of them stay near one position. */
const batch = 4;
const measurements = 24;
const profiles = 3;

/** Times rounds with and without a commit, over the same tokens, all of which stay, so that both remember the same. */
export async function timeRollback(
  timed: TimedDevice,
  placed: PlacedModel<WebGpuDevice>,
  scale: Scale,
  { tokens, context }: RollbackCall,
): Promise<RollbackFigures> {
  const repeats = scale === 'dry' ? { measurements: 1, batchMs: 0, batch: 1 } : { measurements, batchMs: 0, batch };
  // Before, within and after the batches each round reads its tokens.
  const rounds = 2 + repeats.measurements * (repeats.batch + 2) + profiles;
  const room = { capacity: context + tokens * rounds, chunk: Math.max(context, tokens) };
  const fed: Tensor[] = [];
  const programs: Runs[] = [];
  try {
    for (const round of [
      { tokens: 1, commit: false },
      { tokens, commit: false },
      { tokens, commit: true },
    ]) {
      const inputs = roundInputs(placed, round.tokens);
      fed.push(...inputs);
      programs.push(await roundsAfter(placed, room, context, round, inputs));
    }
    const readings = await takeReadings(timed, programs, repeats);
    const [step, pass, committed] = programs.map((runs, index) => clocksOf(readings[index]!, runs, 1)) as [
      Clocks,
      Clocks,
      Clocks,
    ];
    const parts = timed.timestamps ? await profiledParts(programs[2]!) : [];
    return { tokens, step, pass, committed, parts, ...differenceOf(readings[2]!, readings[1]!) };
  } finally {
    for (const runs of programs) runs.dispose();
    disposeTree(fed);
  }
}

/** GPU time of a round by kind of dispatch. */
async function profiledParts(runs: Runs): Promise<readonly Part[]> {
  const made: Profile['rows'][] = [];
  for (let i = 0; i < profiles; i++) made.push(await runs.profile());
  return partsOf(made);
}

/** Tokens of a round, how many are read, and how many of them stay: all. */
function roundInputs({ graph, device }: PlacedModel<WebGpuDevice>, n: number): [Tensor, Tensor, Tensor] {
  const count = (): Tensor => device.upload(Int32Array.of(n), { shape: [1], dtype: 'i32' });
  const ids = someIds(n, graph.resolved.spec.vocabSize);
  return [device.upload(ids, { shape: [1, n], dtype: 'i32' }), count(), count()];
}

/** Rounds one after another, after so many positions. */
async function roundsAfter(
  placed: PlacedModel<WebGpuDevice>,
  room: Room,
  context: number,
  round: Round,
  inputs: readonly Tensor[],
): Promise<Runs> {
  const program = await compileRound(placed, room, round);
  const state = await stateAfter(placed, room, context);
  const carried = state.map((_, leaf) => ({ input: inputs.length + leaf, output: 1 + leaf }));
  return new Runs(program, [...inputs, ...state], carried);
}

/** A state that has read so many tokens. */
async function stateAfter(placed: PlacedModel<WebGpuDevice>, room: Room, context: number): Promise<readonly Tensor[]> {
  const start = await compileStart(placed, room);
  const step = await compileStep(placed, room, { n: context, gives: 'token' });
  try {
    const ids = someIds(context, placed.graph.resolved.spec.vocabSize);
    const { given, state } = runStep(step, ids, context, start.run([]));
    await placed.device.read(given);
    given.dispose();
    return state;
  } finally {
    start.dispose();
    step.dispose();
  }
}

/**
 * A pass over the tokens of a round and the choice after each. Inputs: tokens `[1, n]`, how many are read `[1]` and, with a commit, how many of
 * them stay `[1]`, the state's leaves, which are donated. Outputs: the choices `[1, n]`, the state's leaves.
 */
export function compileRound<P extends Program>(
  { graph, params, device }: PlacedModel<DeviceOf<P>>,
  room: Room,
  { tokens: n, commit }: Round,
): Promise<P> {
  const form = graph.init(params, { batch: 1, ...room });
  const leaves = treeLeaves(form);
  const traced = trace(
    (tokens, lengths, count, ...inputs) => {
      const snapshot = fillTree(form, inputs);
      const made = graph.step(
        params,
        { tokens: tokens!, starts: zeros([1], 'i32'), lengths: lengths!, draft: commit },
        snapshot,
        'all',
      );
      const { state, links, positions } = made;
      const path = iota([1, n], 1);
      const next = commit
        ? graph.commit(params, { snapshot, state, links, positions, path, count: count!, inOrder: true })
        : state;
      return [argmax(made.logits, { axis: -1 }), ...treeLeaves(next)];
    },
    [
      { shape: [1, n], dtype: 'i32' },
      { shape: [1], dtype: 'i32' },
      { shape: [1], dtype: 'i32' },
      ...leaves.map(({ shape, dtype }) => ({ shape, dtype })),
    ],
  );
  return device.compile(traced, { donate: leaves.map((_, index) => index + 3) });
}
