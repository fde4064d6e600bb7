import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunResult } from './experiment.ts';
import { spreadSvg } from './spread-svg.ts';
import { tableOf } from './table.ts';

/** Experiments that have runs. */
export type ExperimentName = 'stories' | 'recall';

/** Runs on a device, as they are kept in JSON. */
export interface ExperimentResults {
  readonly experiment: ExperimentName;
  readonly device: string;
  readonly results: readonly RunResult[];
}

const pictures: Readonly<
  Record<ExperimentName, { readonly what: string; readonly title: string; readonly higherIsBetter: boolean }>
> = {
  stories: {
    what: 'validationLoss',
    title: 'Loss on generated stories, nats a token, at equal parameters and tokens',
    higherIsBetter: false,
  },
  recall: {
    what: 'accuracy',
    title: 'Multi-query associative recall: values told right, 8 pairs among 128 tokens',
    higherIsBetter: true,
  },
};

/** The table of an experiment, with the device above it. */
export function resultsText({ device, results }: ExperimentResults): string {
  return `${device}\n\n${tableOf(results)}`;
}

/** Writes a file into a folder, which is made where it is not there. */
export function writeText(folder: string, name: string, text: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), text);
}

/** Writes table, picture and JSON of an experiment into a folder. */
export function writeResults(folder: string, made: ExperimentResults): void {
  const { experiment, results } = made;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${experiment}.md`), resultsText(made));
  writeFileSync(join(folder, `${experiment}.json`), `${JSON.stringify(made, undefined, 1)}\n`);
  if (results.length === 0) return;
  const { what, ...text } = pictures[experiment];
  writeFileSync(join(folder, `${experiment}.svg`), spreadSvg(results, what, text));
}

/**
 * Results of processes that shared an experiment, in one; those on different devices are not mixed.
 * @throws Error for files of several experiments or devices
 */
export function gatherResults(files: readonly string[]): ExperimentResults {
  const all = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as ExperimentResults);
  const [first] = all;
  if (!first) throw new Error('gather: there is no file, expected the JSON of at least one experiment.');
  for (const [index, { experiment, device }] of all.entries())
    if (experiment !== first.experiment || device !== first.device)
      throw new Error(
        `gather: ${files[index]} is of ${experiment} on ${device}, and ${files[0]} of ${first.experiment} on ${first.device}. Gather them apart.`,
      );
  return { ...first, results: all.flatMap(({ results }) => results) };
}
