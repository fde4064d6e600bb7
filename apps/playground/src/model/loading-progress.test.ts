import type { ProgressEvent } from '@tessera/assembler';
import { expect, test } from 'vitest';
import type { Report } from '../protocol.ts';
import { loadingProgress } from './loading-progress.ts';

const event = (type: ProgressEvent['type'], loaded: number, total: number): ProgressEvent => ({
  type,
  loaded,
  total,
  ratio: loaded / total,
  fromCache: false,
  etaMs: undefined,
});

test('on the processor the bar follows the bytes', () => {
  const told: Report[] = [];
  const onProgress = loadingProgress('the model', false, (report) => told.push(report));
  onProgress(event('file-start', 0, 8e6));
  onProgress(event('total', 2e6, 8e6));
  onProgress(event('ready', 8e6, 8e6));
  expect(told).toEqual([{ type: 'progress', doing: 'Loading the model: 2.0 of 8.0 MB', ratio: 0.25 }]);
});

test('on a GPU bytes and compiled steps take half of the bar each, in whatever order they come', () => {
  const told: Report[] = [];
  const onProgress = loadingProgress('the model', true, (report) => told.push(report));
  onProgress(event('compile', 1, 4));
  onProgress(event('total', 8e6, 8e6));
  onProgress(event('compile', 4, 4));
  expect(told).toEqual([
    { type: 'progress', doing: 'Loading the model, 1 of 4 steps compiled', ratio: 0.125 },
    { type: 'progress', doing: 'Loading the model: 8.0 of 8.0 MB, 1 of 4 steps compiled', ratio: 0.625 },
    { type: 'progress', doing: 'Loading the model: 8.0 of 8.0 MB, 4 of 4 steps compiled', ratio: 1 },
  ]);
});
