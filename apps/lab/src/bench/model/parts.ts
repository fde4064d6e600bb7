import type { DispatchTime, WebGpuProgram } from '@tessera/kernels-webgpu';
import type { Tensor } from '@tessera/tensor-core';
import { statisticsOf } from '../statistics.ts';

/** GPU time of the dispatches of one kind in a step. */
export interface Part {
  readonly label: string;
  readonly count: number;
  readonly microseconds: number;
}

/** GPU time by kind of dispatch, the longest first: the median of some runs for each dispatch, summed. */
export function partsOf(runs: readonly (readonly DispatchTime[])[]): Part[] {
  const parts = new Map<string, { count: number; microseconds: number }>();
  runs[0]!.forEach(({ label }, index) => {
    const part = parts.get(label) ?? { count: 0, microseconds: 0 };
    part.count++;
    part.microseconds += statisticsOf(runs.map((rows) => rows[index]!.microseconds)).median;
    parts.set(label, part);
  });
  return [...parts].map(([label, part]) => ({ label, ...part })).toSorted((a, b) => b.microseconds - a.microseconds);
}

/** Profiles a step some times, each with inputs of its own. */
export async function profileSteps(
  program: WebGpuProgram,
  times: number,
  inputs: () => Promise<readonly Tensor[]>,
  done: (outputs: readonly Tensor[]) => void,
): Promise<Part[]> {
  const runs: (readonly DispatchTime[])[] = [];
  for (let i = 0; i < times; i++) {
    const { outputs, rows } = await program.profile(await inputs());
    done(outputs);
    runs.push(rows);
  }
  return partsOf(runs);
}
