import type { Model } from '@tessera/assembler';
import { speculative } from '@tessera/decoding-speculative';
import type { TimedDevice } from '../clocks.ts';
import type { Scale } from '../scale.ts';
import type { Statistics } from '../statistics.ts';
import { statisticsOf } from '../statistics.ts';
import type { DraftPlan } from './draft-plan.ts';
import { nameOfPlan } from './draft-plan.ts';
import { fixedAcceptance } from './fixed-acceptance.ts';
import type { RollbackFigures } from './rollback.ts';
import { timeRollback } from './rollback.ts';
import type { RoundFigures } from './round-figures.ts';
import { roundFiguresOf } from './round-figures.ts';
import type { OpenSubject, Subject } from './subjects.ts';
import type { TextTurn } from './text-turn.ts';
import { nearTie, turnOf } from './text-turn.ts';
import type { TextCall, TimedRounds } from './time-text.ts';
import { timePlain, timeSpeculative } from './time-text.ts';

/** What became of something that speculates. Only `measured` has figures. */
type Outcome = 'measured' | 'dry' | 'wrong' | 'failed' | 'unavailable' | 'not reached';

/** One way to speculate. */
export interface SpeculationRow {
  readonly plan: DraftPlan;
  readonly outcome: Outcome;
  readonly reason?: string;
  /** Where the text leaves the plain one at a near tie. */
  readonly turned?: TextTurn;
  readonly figures?: {
    readonly tokensPerSecond: Statistics;
    /** Of each text to the plain ones just before and after it, so that both have the same clocks and the same host. */
    readonly ratio: Statistics;
    readonly rounds: RoundFigures;
  };
}

/** A target with and without speculation. */
export interface SpeculationReport {
  readonly name: string;
  readonly outcome: Outcome;
  readonly reason?: string;
  /** Tokens that were generated, how many of them differ from each other, and the prompt before them. */
  readonly text?: { readonly tokens: number; readonly different: number; readonly prompt: number };
  /** Tokens a second without speculation. */
  readonly plain?: Statistics;
  readonly rollback?: RollbackFigures;
  readonly rows: readonly SpeculationRow[];
}

/** With what speculation is timed. */
export interface SpeculationContext extends TimedDevice {
  readonly scale: Scale;
  /** Texts of each row. */
  readonly texts: number;
  /** False: nothing new is begun. */
  readonly inTime: () => boolean;
  readonly onProgress?: (line: string) => void;
}

/** Tokens of a round whose rollback is timed, and positions before it. */
const rollbackOf = (scale: Scale): { tokens: number; context: number } =>
  scale === 'dry' ? { tokens: 3, context: 12 } : { tokens: 5, context: 256 };

/** A report without figures. */
export function speculationWithout(
  { name, plans }: Pick<Subject, 'name' | 'plans'>,
  outcome: Exclude<Outcome, 'measured'>,
  reason?: string,
): SpeculationReport {
  return {
    name,
    outcome,
    ...(reason !== undefined && { reason }),
    rows: plans.map((plan) => ({ plan, outcome, ...(reason !== undefined && { reason }) })),
  };
}

/** Times a target with each of its drafts and without, and compares the texts in the same process. */
export async function benchSpeculation(context: SpeculationContext, subject: Subject): Promise<SpeculationReport> {
  let open: OpenSubject | undefined;
  try {
    open = await subject.open(context.device);
    return await reportOf(context, subject, open);
  } catch (error) {
    return speculationWithout(subject, 'failed', messageOf(error));
  } finally {
    await open?.dispose();
  }
}

async function reportOf(
  context: SpeculationContext,
  { name, plans }: Subject,
  subject: OpenSubject,
): Promise<SpeculationReport> {
  const { scale } = context;
  const { target, prompt, tokens } = subject;
  const call: TextCall = { model: target, prompt, tokens };
  const { ids } = await timePlain(call);
  const plain: number[] = [];
  const rows: SpeculationRow[] = [];
  for (const plan of plans) {
    rows.push(
      context.inTime() ? await rowOf(context, subject, plan, { ids, plain }) : { plan, outcome: 'not reached' },
    );
    context.onProgress?.(`${name}: ${nameOfPlan(plan)}`);
  }
  const placed = { graph: target.graph, params: target.params, device: context.device };
  const rollback = context.inTime() ? await timeRollback(context, placed, scale, rollbackOf(scale)) : undefined;
  const text = { tokens: ids.length, different: new Set(ids).size, prompt: prompt.length };
  if (scale === 'dry') return { name, outcome: 'dry', text, rows };
  return {
    name,
    outcome: 'measured',
    text,
    ...(plain.length > 0 && { plain: statisticsOf(plain) }),
    ...(rollback && { rollback }),
    rows,
  };
}

async function rowOf(
  { device, scale, texts }: SpeculationContext,
  { target: model, prompt, tokens, sourceOf }: OpenSubject,
  plan: DraftPlan,
  { ids: text, plain }: { readonly ids: readonly number[]; readonly plain: number[] },
): Promise<SpeculationRow> {
  const { acceptance, longest, adaptive } = plan;
  const timed = (seed: number): Promise<TimedRounds> => {
    const source = sourceOf(plan);
    const draft = acceptance === undefined ? source : fixedAcceptance(source, { text, acceptance, seed });
    return timeSpeculative({ model, prompt, tokens }, speculative({ draft, adaptive, longest }), device);
  };
  try {
    // Once for nothing: steps are compiled.
    if (scale !== 'dry') await timed(0);
    const made: TimedRounds[] = [];
    const plainRate = async (): Promise<number> => (await timePlain({ model, prompt, tokens })).tokensPerSecond;
    const beside = [await plainRate()];
    for (let seed = 0; seed < texts; seed++) {
      made.push(await timed(seed));
      beside.push(await plainRate());
    }
    plain.push(...beside);
    const turned = await firstTurn(model, prompt, text, made);
    if (turned && !(turned.gap <= nearTie))
      return { plan, outcome: 'wrong', turned, reason: `token ${turned.token} differs from that of plain decoding` };
    const rounds = roundFiguresOf(made.flatMap(({ rounds: each }) => each));
    const off = !turned && acceptance !== undefined && offBy(rounds, acceptance);
    if (off) return { plan, outcome: 'wrong', reason: off };
    const kept = { plan, ...(turned && { turned }) };
    if (scale === 'dry') return { ...kept, outcome: 'dry' };
    const rates = made.map(({ tokensPerSecond }) => tokensPerSecond);
    const ratio = statisticsOf(rates.map((rate, i) => (2 * rate) / (beside[i]! + beside[i + 1]!)));
    return { ...kept, outcome: 'measured', figures: { tokensPerSecond: statisticsOf(rates), ratio, rounds } };
  } catch (error) {
    return { plan, outcome: 'failed', reason: messageOf(error) };
  }
}

async function firstTurn(
  model: Model,
  prompt: readonly number[],
  text: readonly number[],
  made: readonly TimedRounds[],
): Promise<TextTurn | undefined> {
  for (const { ids } of made) {
    const turned = await turnOf(model, prompt, text, ids);
    if (turned) return turned;
  }
  return undefined;
}

/** Says so where tokens stayed more or less often than they were made to, by more than five times the spread of so many tests. */
function offBy({ acceptance, tested }: RoundFigures, wanted: number): string | undefined {
  const spread = Math.sqrt((wanted * (1 - wanted)) / tested);
  if (Math.abs(acceptance - wanted) <= 5 * spread) return undefined;
  return `${acceptance.toFixed(3)} of ${tested} tested tokens stayed, and ${wanted} were right by construction`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
