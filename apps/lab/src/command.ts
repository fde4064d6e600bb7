import { create } from 'webgpu';
import { openDevice } from './bench/adapter.ts';
import { bench, failuresOf } from './bench/bench.ts';
import type { BenchOptions } from './bench/bench.ts';
import type { CommandOptions } from './options.ts';
import type { Report } from './report/document.ts';
import { markdownOf } from './report/document.ts';
import { gpuState, plain, versions } from './report/environment.ts';
import { readPeers } from './report/peers.ts';
import { summaryOf } from './report/summary.ts';
import { writeReport } from './report/write-report.ts';

/** Exact timestamps are no part of what a page sees. They change nothing that is timed by the clock. */
const off = ['timestamp_quantization'];
const nativeOnly = ['vulkan_enable_f16_on_nvidia', 'allow_unsafe_apis'];

/** Where the command says something. */
export interface Voice {
  /** Results. */
  print(text: string): void;
  /** How far it is. */
  progress(line: string): void;
}

/** Loaded only when it is wanted: what unpacks it does not run in a bundle of this command. */
async function softwareAdapter(): Promise<GPU> {
  const { softwareGpu } = await import('@tessera/software-gpu');
  return softwareGpu();
}

/**
 * Runs the benchmark.
 * @param more - what ends it early, and rows to measure instead of those of the sections
 * @returns the exit status: 1 when a row was wrong or could not be run
 */
export async function runCommand(
  options: CommandOptions,
  { print, progress }: Voice,
  more: Pick<BenchOptions, 'cases' | 'signal'> = {},
): Promise<number> {
  const { scale, native, only, dtypes, directories, seconds, texts, out, commit } = options;
  const dry = scale === 'dry';
  const peers = options.peers === undefined ? undefined : readPeers(options.peers, dry);
  const on = native ? nativeOnly : [];
  const gpu = dry
    ? await softwareAdapter()
    : create([`disable-dawn-features=${off.join()}`, ...(on.length > 0 ? [`enable-dawn-features=${on.join()}`] : [])]);
  const { device, info, features, limits } = await openDevice(gpu, { dry });
  const begun = performance.now();
  const gpuBefore = gpuState();
  progress(`${device.name}${native ? ', native toggles' : ''}`);
  const result = await bench({
    device,
    features,
    scale,
    only,
    dtypes,
    directories,
    seconds,
    texts,
    onProgress: progress,
    ...more,
  });
  const report: Report = {
    format: 'tessera-bench/1',
    dry,
    environment: {
      device: device.name,
      adapter: plain(info),
      features: [...features].toSorted(),
      limits,
      mode: dry ? 'software' : native ? 'native' : 'page',
      toggles: dry ? { on: [], off: [] } : { on, off },
      ...versions(),
      commit,
      gpuBefore,
      gpuAfter: gpuState(),
    },
    seconds: (performance.now() - begun) / 1000,
    peers,
    ...(dry ? { ...result, roofs: undefined, host: undefined } : result),
  };
  device.dispose();
  if (out === undefined) print(markdownOf(report));
  else print(`${summaryOf(report)}\n\n${out}: ${writeReport(out, report).join(', ')}`);
  return failuresOf(result).length > 0 ? 1 : 0;
}
