import type { HostArray, Tensor } from '@tessera/tensor-core';
import { FeatureUnavailableError, disposeTree, trace } from '@tessera/tensor-core';
import { takeClocks } from './clocks.ts';
import type { TimedDevice } from './clocks.ts';
import { errorOf } from './compare.ts';
import { filler } from './filler.ts';
import type { KernelCase } from './kernel-case.ts';
import type { Row } from './row.ts';
import { figuresOf, rowWithout } from './row.ts';
import { Runs } from './runs.ts';
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
 * Times one kernel and checks what the timed program gives after that, in memory where nothing was left of earlier results. A
 * row that is wrong, or cannot be run, has a reason in place of figures.
 */
export async function runCase(one: KernelCase, context: CaseContext): Promise<Row> {
  const { device, scale, features, roofs } = context;
  if (one.needs && !features.has(one.needs)) return rowWithout(one, 'unavailable', `the device has no ${one.needs}`);
  const tensors: Tensor[] = [];
  let runs: Runs | undefined;
  try {
    const data: HostArray[] = [];
    for (const [index, { scale: size, map, values, ...type }] of one.inputs.entries()) {
      data.push(values ?? filler(type, index + 1, size, map));
      tensors.push(device.upload(data[index]!, type));
    }
    const types = one.inputs.map(({ shape, dtype }) => ({ shape, dtype }));
    const { carried = [], checkedRuns = 1 } = one;
    const graph = trace((...inputs) => [one.build(inputs)].flat(), types);
    const program = await device.compile(graph, { donate: carried.map(({ input }) => input) });
    runs = new Runs(program, tensors, carried);
    const clocks = await takeClocks(context, runs, one.units, {
      ...repeatsOf(scale),
      ...(scale !== 'dry' && { batch: one.batch }),
    });
    runs.poison(device);
    runs.restart(carried.map(({ input }) => device.upload(data[input]!, types[input]!)));
    const error = errorOf(await one.check(data), await runs.lastOf(device, checkedRuns));
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
    runs?.dispose();
    disposeTree(tensors);
  }
}
