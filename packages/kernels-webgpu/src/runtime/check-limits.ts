import { FeatureUnavailableError } from '@tessera/tensor-core';
import type { CompiledGraph, Step } from '../compile/compile-graph.ts';
import { showBytes } from './failures.ts';

/**
 * Refuses a program that a device cannot run, before anything is made for it.
 * @throws FeatureUnavailableError with the dispatch and the numbers
 */
export function checkLimits({ steps, outputs }: CompiledGraph, limits: Readonly<Record<string, number>>): void {
  const most = Math.min(limits['maxBufferSize']!, limits['maxStorageBufferBindingSize']!);
  const checkBytes = (what: string, bytes: number): void => {
    if (bytes <= most) return;
    throw new FeatureUnavailableError(
      `${what}: a value takes ${showBytes(bytes)}, and this device allows ${showBytes(most)} in one buffer. Use a smaller dtype or shape, or split the tensor.`,
      { facts: { asked: bytes, most } },
    );
  };
  for (const { bytes } of outputs) checkBytes('output of a program', bytes);
  const visit = (list: readonly Step[]): void => {
    for (const step of list) {
      if (step.kind === 'repeat') {
        visit(step.steps);
        continue;
      }
      const { label, grid, slots } = step;
      for (const { bytes } of slots) checkBytes(label, bytes);
      refuse(label, 'storage buffers', slots.length, limits['maxStorageBuffersPerShaderStage']!);
      refuse(label, 'workgroups along one axis', Math.max(...grid), limits['maxComputeWorkgroupsPerDimension']!);
    }
  };
  visit(steps);
}

function refuse(label: string, what: string, asked: number, most: number): void {
  if (asked > most)
    throw new FeatureUnavailableError(`${label}: takes ${asked} ${what}, and this device allows ${most}.`, {
      facts: { label, asked, most },
    });
}
