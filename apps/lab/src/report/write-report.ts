import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Report } from './document.ts';
import { markdownOf } from './document.ts';
import { speculationPicture } from './speculation-tables.ts';
import { streamingPicture } from './streaming-tables.ts';
import { waterfallSvg } from './waterfall-svg.ts';

/**
 * Writes a run into a folder: `bench.json`, `bench.md`, a picture of each waterfall, of speculation and of each stream.
 * @returns the names of the files
 */
export function writeReport(folder: string, report: Report): string[] {
  const files = new Map([
    ['bench.json', `${JSON.stringify(report)}\n`],
    ['bench.md', `${markdownOf(report)}\n`],
  ]);
  for (const { dtype, figures } of report.models)
    for (const [index, waterfall] of (figures?.waterfalls ?? []).entries())
      files.set(`${['decode', 'prefill'][index]}-${dtype}.svg`, waterfallSvg(waterfall));
  for (const { variant, figures } of report.trainings)
    if (figures?.waterfall) files.set(`training-${fileName(variant)}.svg`, waterfallSvg(figures.waterfall));
  const speculation = speculationPicture(report.speculations);
  if (speculation !== undefined) files.set('speculation.svg', speculation);
  for (const stream of report.streams) {
    const picture = streamingPicture(stream);
    if (picture !== undefined) files.set(`streaming-${fileName(stream.name)}.svg`, picture);
  }
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
  return [...files.keys()];
}

function fileName(words: string): string {
  return words.toLowerCase().replaceAll(/\W+/g, '-');
}
