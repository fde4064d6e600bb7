import type { Model, Session } from '@tessera/assembler';
import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import { someIds } from '../model/steps.ts';
import type { Scale } from '../scale.ts';
import { nearTie, turnOf } from '../speculation/text-turn.ts';
import type { Statistics } from '../statistics.ts';
import { statisticsOf } from '../statistics.ts';
import type { CacheName, StreamedModels, StreamedSubject } from './streamed-models.ts';
import { cacheNames } from './streamed-models.ts';
import type { StreamingShape } from './streaming-shape.ts';

/** What a token takes at a place of a stream. */
interface StreamPoint {
  /** Positions before the last of the timed tokens. */
  readonly position: number;
  /** Microseconds from token to token, groups of them. Absent in a dry run. */
  readonly perToken?: Statistics;
  /** Bytes that the state of the session holds. */
  readonly heldBytes: number;
  /** Bytes of a state with room for just so many positions. */
  readonly neededBytes: number;
}

/** A stream through one cache. */
export interface StreamSeries {
  readonly cache: CacheName;
  readonly points: readonly StreamPoint[];
  /** Why it ended before its last point. */
  readonly stopped?: string;
}

/** A model that streams, beside itself with attention to everything. */
export interface StreamingReport {
  readonly name: string;
  readonly sinks: number;
  readonly window: number;
  readonly outcome: 'measured' | 'dry' | 'wrong' | 'failed' | 'unavailable' | 'not reached';
  readonly reason?: string;
  readonly series: readonly StreamSeries[];
}

/** With what streams are timed. */
export interface StreamingContext {
  readonly device: WebGpuDevice;
  readonly scale: Scale;
  readonly shape: StreamingShape;
  /** False: nothing new is begun. */
  readonly inTime: () => boolean;
  readonly onProgress?: (line: string) => void;
}

/** Tokens of a point that are not counted: there steps begin before tokens arrive. */
const warmUp = 4;
/** Positions that a step brings at most. */
const chunk = 512;

/** A report without figures. */
export function streamingWithout(
  name: string,
  { sinks, window }: StreamingShape,
  outcome: Exclude<StreamingReport['outcome'], 'measured'>,
  reason?: string,
): StreamingReport {
  return { name, sinks, window, outcome, ...(reason !== undefined && { reason }), series: [] };
}

/** Times tokens at growing positions of streams, and checks that both caches say the same before anything is evicted. */
export async function benchStreaming(context: StreamingContext, subject: StreamedSubject): Promise<StreamingReport> {
  const { shape, device, scale, onProgress } = context;
  const { name, most } = subject;
  let open: StreamedModels | undefined;
  try {
    open = await subject.open(device);
    const made: Stream[] = [];
    for (const cache of cacheNames) {
      made.push(await streamThrough(context, open.models[cache], cache, most[cache]));
      onProgress?.(`${name}, ${cache}`);
    }
    const series = made.map((each) => each.series);
    const reason = wrongBytes(series) ?? (await wrongText(open.models.full, shape, made));
    if (reason !== undefined) return streamingWithout(name, shape, 'wrong', reason);
    return { ...streamingWithout(name, shape, 'dry'), outcome: scale === 'dry' ? 'dry' : 'measured', series };
  } catch (error) {
    return streamingWithout(name, shape, 'failed', error instanceof Error ? error.message : String(error));
  } finally {
    await open?.dispose();
  }
}

interface Stream {
  readonly series: StreamSeries;
  /** Tokens of the first point. */
  readonly first: readonly number[];
}

function wrongBytes(series: readonly StreamSeries[]): string | undefined {
  for (const { cache, points } of series) {
    const held = new Set(points.map(({ heldBytes }) => heldBytes));
    if (held.size > 1) return `the state of '${cache}' changed its size: ${[...held].join(', then ')} bytes`;
  }
  return undefined;
}

async function wrongText(
  full: Model,
  shape: StreamingShape,
  [sinks, everything]: readonly Stream[],
): Promise<string | undefined> {
  if (sinks!.first.length === 0 || everything!.first.length === 0) return undefined;
  const turned = await turnOf(full, idsBefore(full, shape.points[0]!, shape), everything!.first, sinks!.first);
  if (!turned || turned.gap <= nearTie) return undefined;
  return `before anything was evicted, token ${turned.token} is not that of attention to everything`;
}

/** Ids before the timed tokens of a point, which end there. */
function idsBefore({ spec }: Model, point: number, { tokens }: StreamingShape): number[] {
  return [...someIds(point - tokens + 1, spec.vocabSize)];
}

async function streamThrough(
  { shape, scale, inTime }: StreamingContext,
  model: Model,
  cache: CacheName,
  most: number,
): Promise<Stream> {
  const places = shape.points.filter((point) => point <= most);
  const points: StreamPoint[] = [];
  let first: readonly number[] = [];
  using session = await model.session({ capacity: places.at(-1)! + shape.tokens });
  for (const position of places) {
    if (!inTime()) return { series: { cache, points, stopped: `no time was left before ${position}` }, first };
    const before = idsBefore(model, position, shape);
    // The last one is read by the first of the timed steps.
    await session.read([before.slice(session.length, -1)]);
    const { ids, times } = await tokensAfter(session, before, shape.tokens);
    if (points.length === 0) first = ids;
    points.push({
      position,
      ...(scale !== 'dry' && { perToken: statisticsOf(groupsOf(times, shape.group)) }),
      heldBytes: session.stateBytes,
      neededBytes: model.graph.stateBytes({ batch: 1, capacity: position, chunk }),
    });
  }
  return { series: { cache, points }, first };
}

/** Tokens that the device chooses, and when each was there. */
async function tokensAfter(
  session: Session,
  prompt: readonly number[],
  count: number,
): Promise<{ ids: readonly number[]; times: readonly number[] }> {
  const [ids, times]: [number[], number[]] = [[], []];
  const history = { prompt, generated: [], row: 0 };
  using choices = await session.choices([{ history, options: { temperature: 0 } }], count);
  while (ids.length < count) {
    ids.push((await choices.next())[0]!);
    times.push(performance.now());
  }
  return { ids, times };
}

/** Microseconds a token of each group of them, after those that warm up. */
export function groupsOf(times: readonly number[], group: number): number[] {
  const first = warmUp - 1;
  return Array.from({ length: Math.floor((times.length - 1 - first) / group) }, (_, index) => {
    const from = first + index * group;
    return (1000 * (times[from + group]! - times[from]!)) / group;
  });
}
