import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Report } from './document.ts';
import { markdownOf } from './document.ts';
import { waterfallSvg } from './waterfall-svg.ts';

/**
 * Writes a run into a folder: `bench.json`, `bench.md`, and a picture of each waterfall.
 * @returns the names of the files
 */
export function writeReport(folder: string, report: Report): string[] {
  const files = new Map([
    ['bench.json', `${JSON.stringify(report, undefined, 1)}\n`],
    ['bench.md', `${markdownOf(report)}\n`],
  ]);
  for (const { dtype, figures } of report.models)
    for (const [index, waterfall] of (figures?.waterfalls ?? []).entries())
      files.set(`${['decode', 'prefill'][index]}-${dtype}.svg`, waterfallSvg(waterfall));
  for (const { variant, figures } of report.trainings)
    if (figures?.waterfall)
      files.set(`training-${variant.toLowerCase().replaceAll(/\W+/g, '-')}.svg`, waterfallSvg(figures.waterfall));
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
  return [...files.keys()];
}
