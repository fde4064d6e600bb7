import type { BenchResult } from '../bench/bench.ts';
import type { Environment } from './environment.ts';
import { hostTable } from './host-table.ts';
import { kernelTables } from './kernel-tables.ts';
import { loopTable } from './loop-table.ts';
import { modelTables } from './model-tables.ts';
import type { Peers } from './peers.ts';
import { speculationTables } from './speculation-tables.ts';
import { streamingTables } from './streaming-tables.ts';
import { summaryOf } from './summary.ts';
import { trainingTables } from './training-tables.ts';

/** A whole run. */
export interface Report extends BenchResult {
  readonly format: 'tessera-bench/1';
  readonly dry: boolean;
  readonly environment: Environment;
  readonly seconds: number;
  readonly peers: Peers | undefined;
}

const modes = {
  page: 'as a web page sees the adapter; only timestamps are exact, which a page does not get',
  native: 'with toggles that a page cannot set',
  software: 'a software adapter',
} as const;

/** The run as markdown. */
export function markdownOf(report: Report): string {
  const { environment, dry, rows, loops, models, trainings, speculations, streams } = report;
  const { roofs, host, peers, timestamps, seconds } = report;
  const { device, mode, toggles, node, webgpu, platform, date, commit, gpuBefore, gpuAfter } = environment;
  const facts = [
    `${device}, ${modes[mode]}`,
    `Dawn toggles on: ${toggles.on.join(', ') || 'none'}; off: ${toggles.off.join(', ') || 'none'}`,
    `Node ${node}, webgpu ${webgpu}, ${platform}, ${date}${commit === undefined ? '' : `, commit ${commit}`}`,
    ...(gpuBefore === undefined ? [] : [`before: ${gpuBefore}`]),
    ...(gpuAfter === undefined ? [] : [`after: ${gpuAfter}`]),
    `${seconds.toFixed(0)} s in all`,
  ];
  return [
    `# Benchmark${dry ? ': a dry run, no figures' : ''}`,
    facts.map((fact) => `- ${fact}`).join('\n'),
    dry
      ? 'Everything was run once at tiny sizes and checked. Times of this say nothing about any GPU, and none are shown.'
      : `Rates and shares of the roof are computed from ${timestamps ? 'GPU time' : '**wall time**, since the device has no exact timestamps'}. The README of apps/lab says what each column means.`,
    `## Summary\n\n${summaryOf(report)}`,
    ...(models.length > 0 ? [`## Models\n\n${modelTables(models, peers)}`] : []),
    ...(trainings.length > 0
      ? [`## Training\n\n${trainingTables(trainings, { roofs, gpu: gpuBefore, peers }, dry)}`]
      : []),
    ...(speculations.length > 0 ? [`## Speculation\n\n${speculationTables(speculations)}`] : []),
    ...(streams.length > 0 ? [`## Streams\n\n${streamingTables(streams)}`] : []),
    ...(host && !dry ? [`## Host\n\n${hostTable(host)}`] : []),
    `## Kernels\n\n${kernelTables(rows, peers)}`,
    ...(loops.length > 0 ? [`### Linear attention: chunks against a loop of tokens\n\n${loopTable(loops)}`] : []),
    ...(peers && peers.failures.length > 0
      ? [`## What ${peers.peer} could not run\n\n${peers.failures.map((line) => `- ${line}`).join('\n')}`]
      : []),
    '† above the copy roof: what it touches fits a cache, or it reads much more than it writes.',
  ].join('\n\n');
}
