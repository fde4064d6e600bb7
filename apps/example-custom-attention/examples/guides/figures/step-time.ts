import { existsSync, readFileSync, readdirSync } from 'node:fs';
import type { Line, LineChart, Tick } from './line-chart.ts';

/** As much of a file of `pnpm -C apps/lab bench --out` as the figure reads. */
export interface Benchmark {
  readonly format: string;
  readonly environment: {
    readonly device: string;
    readonly date: string;
    readonly adapter?: { readonly device?: string };
  };
  readonly rows: readonly {
    readonly group: string;
    readonly shape: string;
    readonly outcome: string;
    readonly figures?: { readonly clock: string; readonly microseconds: number };
  }[];
}

/** The GPU by the name that its adapter gives, which the driver's is not. */
export function gpuName({ environment: { adapter, device } }: Benchmark): string {
  return adapter?.device || device;
}

/** A benchmark with its folder. */
export interface FoundBenchmark {
  readonly folder: string;
  readonly benchmark: Benchmark;
}

/** Time of the attention of one step, one position. */
export interface StepTime {
  readonly mechanism: string;
  /** Undefined: whatever the context. */
  readonly context: number | undefined;
  readonly microseconds: number;
}

const folders = new URL('../../../../../docs/benchmarks/', import.meta.url);

/** The newest benchmark in docs/benchmarks that measured attention over latents. Undefined: there is none. */
export function latestBenchmark(): FoundBenchmark | undefined {
  const found = readdirSync(folders).flatMap((folder): FoundBenchmark[] => {
    const file = new URL(`${folder}/bench.json`, folders);
    if (!existsSync(file)) return [];
    const benchmark = JSON.parse(readFileSync(file, 'utf8')) as Benchmark;
    return stepTimes(benchmark).some(({ context }) => context !== undefined) ? [{ folder, benchmark }] : [];
  });
  return found.toSorted((a, b) => a.benchmark.environment.date.localeCompare(b.benchmark.environment.date)).at(-1);
}

const names: Readonly<Record<string, string>> = { GLA: 'GLA, 2 latents' };
const recurrentNames: Readonly<Record<string, string>> = { GLA: 'gated linear attention' };

/** Rows of one position, batch 1 and 32 heads over a cache (`latent`), and of one token of a recurrence (`linear`). */
export function stepTimes({ rows }: Benchmark): readonly StepTime[] {
  return rows.flatMap(({ group, shape, outcome, figures }): StepTime[] => {
    if (outcome !== 'measured' || !figures) return [];
    const { microseconds } = figures;
    const cached = group === 'latent' ? /^(\w+), 1 × (\d+), 32(?:\/\d+)? heads/.exec(shape) : null;
    if (cached) return [{ mechanism: names[cached[1]!] ?? cached[1]!, context: Number(cached[2]), microseconds }];
    const recurrent = group === 'linear' ? /^(.+) recurrent, 1 of (\d+) heads/.exec(shape) : null;
    if (recurrent)
      return [
        {
          mechanism: `${recurrentNames[recurrent[1]!] ?? recurrent[1]!}, ${recurrent[2]} heads`,
          context: undefined,
          microseconds,
        },
      ];
    return [];
  });
}

/** Time of a step against the context. */
export function stepChart({ benchmark }: FoundBenchmark): LineChart {
  const times = stepTimes(benchmark);
  const contexts = [...new Set(times.flatMap(({ context }) => context ?? []))].toSorted((a, b) => a - b);
  const mechanisms = [...new Set(times.map(({ mechanism }) => mechanism))];
  const lines = mechanisms.map((label): Line => {
    const own = times.filter(({ mechanism }) => mechanism === label);
    const constant = own.every(({ context }) => context === undefined);
    const points = constant
      ? contexts.map((context) => [context, own[0]!.microseconds] as const)
      : own.map(({ context, microseconds }) => [context!, microseconds] as const).toSorted(([a], [b]) => a - b);
    return { label, hue: constant ? 2 : label === 'GQA' ? 0 : 1, dashed: constant, points };
  });
  return {
    title: `Attention of one decode step, one layer, on ${gpuName(benchmark)}`,
    x: { label: 'context, tokens', ticks: contexts.map((at) => ({ at, label: `${at / 1024} Ki` })) },
    y: { label: 'time, microseconds', ticks: decades(lines.flatMap(({ points }) => points.map(([, y]) => y))) },
    lines,
  };
}

/** Marks at 1, 2 and 5 of each power of ten, around the values. */
function decades(values: readonly number[]): readonly Tick[] {
  const marks = [-1, 0, 1, 2, 3, 4, 5].flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power));
  const first = marks.findLastIndex((mark) => mark <= Math.min(...values));
  const last = marks.findIndex((mark) => mark >= Math.max(...values));
  return marks.slice(Math.max(0, first), last + 1).map((at) => ({ at, label: String(at) }));
}
