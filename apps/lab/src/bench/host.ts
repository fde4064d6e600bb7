import type { WebGpuDevice, WebGpuProgram } from '@tessera/kernels-webgpu';
import type { Tensor } from '@tessera/tensor-core';
import { trace } from '@tessera/tensor-core';
import type { TimedDevice } from './clocks.ts';
import { throughNoOps } from './no-op.ts';
import type { Scale } from './scale.ts';
import type { Statistics } from './statistics.ts';
import { lineThrough, statisticsOf } from './statistics.ts';

/** What the host and the way to the GPU cost, microseconds. */
export interface HostFigures {
  /** Host time that one more dispatch in a program costs: the slope over programs of different lengths. */
  readonly encodePerDispatch: number;
  /** Host time of `run` beside its dispatches: the same line at none. */
  readonly encodePerRun: number;
  /** Time from submit to done that one more dependent dispatch costs, if it does nothing. */
  readonly wallPerDispatch: number;
  /** What timestamps show for a dispatch that does nothing: less cannot be told apart. Undefined without timestamps. */
  readonly emptyDispatch: Statistics | undefined;
  /** Host time of a submit. */
  readonly submit: Statistics;
  /** From asking for four bytes of an idle device until they are there. */
  readonly idleReadback: Statistics;
}

async function chainOf(device: WebGpuDevice, dispatches: number): Promise<WebGpuProgram> {
  return device.compile(trace((x) => [throughNoOps(x!, dispatches)], [{ shape: [1], dtype: 'i32' }]));
}

/** Costs of the host, by programs of dispatches that do nothing. */
export async function benchHost({ device, timestamps }: TimedDevice, scale: Scale): Promise<HostFigures> {
  const repeats = scale === 'dry' ? 1 : 50;
  const one = device.upload(Int32Array.of(1), { shape: [1], dtype: 'i32' });
  const encode: [number, number][] = [];
  const wall: [number, number][] = [];
  for (const dispatches of scale === 'dry' ? [1, 2] : [1, 128, 512, 1024]) {
    const program = await chainOf(device, dispatches);
    const times = await timesOf(device, program, one, repeats);
    encode.push([dispatches, times.host]);
    wall.push([dispatches, times.wall]);
    program.dispose();
  }
  const single = await chainOf(device, 1);
  const submits: number[] = [];
  const readbacks: number[] = [];
  for (let i = 0; i < 2 * repeats; i++) {
    const [output] = single.run([one]);
    const start = performance.now();
    // The turn is submitted by a microtask that was queued before this one.
    await Promise.resolve();
    submits.push(1000 * (performance.now() - start));
    await device.read(output!);
    const asked = performance.now();
    await device.read(output!);
    readbacks.push(1000 * (performance.now() - asked));
    output!.dispose();
  }
  single.dispose();
  const emptyDispatch = timestamps ? await emptyDispatchOf(device, one, repeats) : undefined;
  one.dispose();
  const host = lineThrough(encode);
  return {
    encodePerDispatch: host.slope,
    encodePerRun: host.start,
    wallPerDispatch: lineThrough(wall).slope,
    emptyDispatch,
    submit: statisticsOf(submits),
    idleReadback: statisticsOf(readbacks),
  };
}

async function timesOf(
  device: WebGpuDevice,
  program: WebGpuProgram,
  one: Tensor,
  repeats: number,
): Promise<{ host: number; wall: number }> {
  const [host, wall]: [number[], number[]] = [[], []];
  for (let i = 0; i < repeats + 3; i++) {
    const start = performance.now();
    const [output] = program.run([one]);
    const recorded = performance.now();
    await device.read(output!);
    if (i >= Math.min(3, repeats)) {
      host.push(1000 * (recorded - start));
      wall.push(1000 * (performance.now() - start));
    }
    output!.dispose();
  }
  return { host: statisticsOf(host).median, wall: statisticsOf(wall).median };
}

async function emptyDispatchOf(device: WebGpuDevice, one: Tensor, repeats: number): Promise<Statistics> {
  const program = await chainOf(device, 4);
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const { outputs, rows } = await program.profile([one]);
    outputs[0]!.dispose();
    times.push(...rows.map(({ microseconds }) => microseconds));
  }
  program.dispose();
  return statisticsOf(times);
}

/** Steps in which Dawn rounds timestamps, unless it is told not to: 65.536 µs. */
const roundedTo = 65.536;

/** True when the device's timestamps are there and exact: some duration is no multiple of the step to which they are rounded. */
export async function hasExactTimestamps(device: WebGpuDevice, features: ReadonlySet<string>): Promise<boolean> {
  if (!features.has('timestamp-query')) return false;
  const program = await chainOf(device, 16);
  const one = device.upload(Int32Array.of(1), { shape: [1], dtype: 'i32' });
  const { outputs, rows } = await program.profile([one]);
  for (const tensor of [...outputs, one]) tensor.dispose();
  program.dispose();
  return rows.some(
    ({ microseconds }) => Math.abs(microseconds / roundedTo - Math.round(microseconds / roundedTo)) > 1e-6,
  );
}
