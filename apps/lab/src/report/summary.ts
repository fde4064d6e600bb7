import type { BenchResult } from '../bench/bench.ts';
import { failuresOf } from '../bench/bench.ts';
import { groupNames } from '../bench/kernel-case.ts';
import { titleOf } from '../bench/row.ts';
import { teraflops } from '../bench/work.ts';
import { nameOfPlan } from '../bench/speculation/draft-plan.ts';
import { number, percent, time, timeSpread } from './text.ts';

/** What somebody reads first: the headline, the worst row of each group, and everything that has no figure. */
export function summaryOf(result: BenchResult): string {
  const { rows, loops, models, trainings, speculations, streams, roofs } = result;
  const measured = rows.filter(({ figures }) => figures);
  const lines: string[] = [];
  if (roofs && measured.length > 0)
    lines.push(`Roofs: copy ${number(roofs.copy)} GB/s, f32 ${number(roofs.f32)} TFLOP/s.`);
  for (const { dtype, context, prompt, figures, decodeBound } of models)
    if (figures)
      lines.push(
        `${dtype}: ${number(figures.public.decode.median)} tokens/s at context ${context} by the public API (${percent(figures.public.decode.median / decodeBound!)} of the copy roof), ` +
          `${number(figures.public.prefill.median)} tokens/s of a prompt of ${prompt}.`,
      );
  for (const { variant, tokens, figures, work } of trainings)
    if (figures)
      lines.push(
        `Training, ${variant}: ${time(figures.step.median)} a step, ${number((1e6 * tokens) / figures.step.median)} tokens/s, ${percent(teraflops(work.flops, figures.step.median) / roofs!.f32)} of the f32 roof.`,
      );
  for (const { name, plain, rows: drafts, rollback } of speculations)
    if (plain)
      lines.push(
        `${name}: ${number(plain.median)} tokens/s plain; ${drafts.flatMap(({ plan, figures }) => (figures ? [`${figures.ratio.median.toFixed(2)} × (${nameOfPlan(plan)})`] : [])).join(', ')}${rollback ? `; rollback ${timeSpread(rollback.microseconds)} a round` : ''}.`,
      );
  for (const { name, series } of streams)
    for (const { cache, points } of series) {
      const [first, last] = [points[0], points.at(-1)];
      if (first?.perToken && last?.perToken)
        lines.push(
          `Stream of ${name}, ${cache}: ${time(first.perToken.median)} a token at ${first.position}, ${time(last.perToken.median)} at ${last.position}.`,
        );
    }
  for (const group of groupNames) {
    const own = measured.filter((row) => row.group === group && row.figures!.ofRoof !== undefined);
    if (own.length === 0) continue;
    const sorted = own.toSorted((a, b) => a.figures!.ofRoof! - b.figures!.ofRoof!);
    const [worst, best] = [sorted[0]!, sorted.at(-1)!];
    lines.push(
      `${group}: ${own.length} rows from ${percent(worst.figures!.ofRoof!)} of the roof (${titleOf(worst)}) to ${percent(best.figures!.ofRoof!)} (${titleOf(best)}).`,
    );
  }
  for (const { shape, gpu, wall } of loops)
    lines.push(
      `${shape}: ${number((gpu ?? wall).ratio)} × as fast as the loop by ${gpu ? 'GPU time' : 'the clock'}${gpu ? `, ${number(wall.ratio)} × by the clock` : ''}.`,
    );
  const unreached = [
    ...rows,
    ...models,
    ...trainings,
    ...speculations.flatMap(({ rows: drafts }) => drafts),
    ...streams,
  ].filter(({ outcome }) => outcome === 'not reached').length;
  if (unreached > 0) lines.push(`**${unreached} rows were not reached in time.**`);
  const missing = rows.filter(({ outcome }) => outcome === 'unavailable');
  for (const row of missing) lines.push(`Not available: ${titleOf(row)}: ${row.reason}`);
  for (const failure of failuresOf(result)) lines.push(`**No figure: ${failure}**`);
  return lines.map((line) => `- ${line}`).join('\n');
}
