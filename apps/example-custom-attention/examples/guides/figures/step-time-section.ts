// The part of the guides on the time of a step: figure and table, or that nothing was measured yet.
import { markdownTable } from '../capabilities/markdown-table.ts';
import { gpuName, latestBenchmark, stepTimes } from './step-time.ts';

const found = latestBenchmark();
if (!found)
  console.log(
    'No benchmark in this repository has measured it yet: `pnpm -C apps/lab bench --only=latent,linear --out=…` does, on a machine with a GPU.',
  );
else {
  const { folder, benchmark } = found;
  const times = stepTimes(benchmark);
  const contexts = [...new Set(times.map(({ context }) => context))].toSorted((a, b) => (a ?? 0) - (b ?? 0));
  const columns = contexts.filter((context) => context !== undefined);
  const cell = (mechanism: string, context: number): string => {
    const time = times.find((each) => each.mechanism === mechanism && (each.context ?? context) === context);
    return time ? String(Number(time.microseconds.toPrecision(3))) : '–';
  };
  const rows = [...new Set(times.map(({ mechanism }) => mechanism))].map((mechanism) => [
    mechanism,
    ...columns.map((context) => cell(mechanism, context)),
  ]);
  console.log(`![Time of a decode step against the context](figures/step-time.svg)

${markdownTable(['attention of one step, microseconds', ...columns.map((context) => `${context} tokens`)], rows)}

Measured on ${gpuName(benchmark)}, ${benchmark.environment.date.slice(0, 10)} ([benchmark](../benchmarks/${folder}/bench.md)), in 32 bits, one layer, one sequence, 32 heads
unless the name says another number; the maps before and after it are not in it.`);
}
