import type { WebGpuProgram } from '@tessera/kernels-webgpu';
import type { HostArray, Tensor } from '@tessera/tensor-core';
import { FeatureUnavailableError, disposeTree, trace } from '@tessera/tensor-core';
import { takeClocks } from './clocks.ts';
import type { TimedDevice } from './clocks.ts';
import { errorOf } from './compare.ts';
import { filler } from './filler.ts';
import type { KernelCase } from './kernel-case.ts';
import type { Row } from './row.ts';
import { figuresOf, rowWithout } from './row.ts';
import type { Scale } from './scale.ts';
import { repeatsOf } from './scale.ts';
import type { Roofs } from './work.ts';

/** With what kernels are timed. */
export interface CaseContext extends TimedDevice {
  readonly scale: Scale;
  readonly features: ReadonlySet<string>;
  /** Undefined while the roofs themselves are measured. */
  readonly roofs?: Roofs | undefined;
}

/**
 * Times one kernel and checks what the last of the timed runs gave. A row that is wrong, or cannot be run, has a reason in place
 * of figures.
 */
export async function runCase(one: KernelCase, context: CaseContext): Promise<Row> {
  const { device, scale, features, roofs } = context;
  if (one.needs && !features.has(one.needs)) return rowWithout(one, 'unavailable', `the device has no ${one.needs}`);
  const tensors: Tensor[] = [];
  let program: WebGpuProgram | undefined;
  try {
    const data: HostArray[] = [];
    for (const [index, { scale: size, ...type }] of one.inputs.entries()) {
      data.push(filler(type, index + 1, size));
      tensors.push(device.upload(data[index]!, type));
    }
    program = await device.compile(trace((...inputs) => [one.build(inputs)].flat(), one.inputs));
    const { clocks, outputs } = await takeClocks(context, program, tensors, one.units, repeatsOf(scale));
    tensors.push(...outputs);
    const error = errorOf(one.check(data), await device.read(outputs.at(-1)!));
    const row = { ...rowWithout(one, 'dry'), error };
    if (!(error <= one.tolerance))
      return {
        ...row,
        outcome: 'wrong',
        reason: `differs by ${error.toExponential(1)}, where ${one.tolerance.toExponential(0)} is accepted`,
      };
    if (scale === 'dry') return row;
    return { ...row, outcome: 'measured', figures: figuresOf(clocks, one.work, roofs) };
  } catch (error) {
    const outcome = error instanceof FeatureUnavailableError ? 'unavailable' : 'failed';
    return rowWithout(one, outcome, error instanceof Error ? error.message : String(error));
  } finally {
    program?.dispose();
    disposeTree(tensors);
  }
}
