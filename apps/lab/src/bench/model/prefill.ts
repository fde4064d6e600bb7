import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import type { Program, Tensor } from '@tessera/tensor-core';
import { disposeTree } from '@tessera/tensor-core';
import type { Scale } from '../scale.ts';
import { statisticsOf } from '../statistics.ts';
import type { ModelShape } from './shape.ts';
import type { StepTimes } from './step-times.ts';
import { runStep, someIds } from './steps.ts';

/** Prompts that are read one after another without waiting. */
const several = 3;

/** Times the reading of a whole prompt in one step, and says which token it leads to. */
export async function timePrefill(
  device: WebGpuDevice,
  { start, prefill }: { readonly start: Program; readonly prefill: Program },
  shape: ModelShape,
  scale: Scale,
): Promise<{ times: StepTimes; id: number }> {
  const repeats = scale === 'dry' ? 1 : 12;
  const ids = someIds(shape.prompt, shape.vocabSize);
  const [awaited, batched, host]: [number[], number[], number[]] = [[], [], []];
  let id = -1;
  for (let i = -1; i < repeats; i++) {
    const [state] = await states(device, start, 1);
    const begun = performance.now();
    const made = runStep(prefill, ids, shape.prompt, state!);
    const recorded = performance.now();
    id = (await device.read(made.given))[0]!;
    if (i >= 0) {
      awaited.push(1000 * (performance.now() - begun));
      host.push(1000 * (recorded - begun));
    }
    disposeTree([made.given, made.state]);
  }
  for (let i = 0; i < repeats; i++) {
    const before = await states(device, start, several);
    const begun = performance.now();
    const made = before.map((state) => runStep(prefill, ids, shape.prompt, state));
    await device.read(made.at(-1)!.given);
    batched.push((1000 * (performance.now() - begun)) / several);
    disposeTree(made.map(({ given, state }) => [given, state]));
  }
  return {
    times: { awaited: statisticsOf(awaited), batched: statisticsOf(batched), host: statisticsOf(host) },
    id,
  };
}

/** States before the first token, ready. */
async function states(device: WebGpuDevice, start: Program, count: number): Promise<(readonly Tensor[])[]> {
  const made = Array.from({ length: count }, () => start.run([]));
  await device.read(made.at(-1)!.at(-1)!);
  return made;
}
