import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import type { Device, Program, Tensor } from '@tessera/tensor-core';
import { CpuDevice, disposeTree } from '@tessera/tensor-core';
import type { WeightDtype } from '../cases/products.ts';
import { errorOf } from '../compare.ts';
import { graphOf } from './shape.ts';
import type { ModelShape } from './shape.ts';
import { compileStart, compileStep, runStep, someIds } from './steps.ts';
import type { PlacedModel, Room } from './steps.ts';
import { hostWeights } from './weights.ts';

/** Rooms and lengths of the steps that are timed. */
export interface TimedSteps {
  readonly decoding: Room;
  readonly prompt: Room;
}

/**
 * The largest difference of logits from the CPU in float64, as a part of the largest logit: of a model with the same layers, but
 * fewer of them, by steps of the lengths and rooms that are timed. Masked, so that few tokens suffice.
 */
export async function logitsError(
  { params, device }: PlacedModel<WebGpuDevice>,
  shape: ModelShape,
  dtype: WeightDtype,
  { decoding, prompt }: TimedSteps,
): Promise<number> {
  const { layers, prompt: length, steps } = shape.checked;
  const graph = graphOf(shape, layers);
  const small: PlacedModel<WebGpuDevice> = {
    graph,
    device,
    params: Object.fromEntries(Object.keys(graph.params()).map((path) => [path, params[path]!])),
  };
  const cpu: PlacedModel = { graph, device: new CpuDevice({ precision: 'f64' }), params: hostWeights(graph, dtype) };
  const ids = someIds(length + steps, shape.vocabSize);
  const room = { capacity: length + steps, chunk: length };
  const expected = await logitsOf(cpu, room, length, ids, length);
  const actual = await logitsOf(small, decoding, shape.context, ids, length);
  const whole = await logitsOf(small, prompt, shape.prompt, ids.subarray(0, length), length);
  const errors = [...actual.map((logits, i) => differ(expected[i]!, logits)), differ(expected[0]!, whole[0]!)];
  return Math.max(...errors);
}

function differ(expected: ArrayLike<number>, actual: ArrayLike<number>): number {
  return errorOf(
    Array.from(expected, (value, index) => ({ index, value })),
    actual,
  );
}

/** Logits after the first `length` ids, read in a step of length n, and after each further one. */
async function logitsOf(
  model: PlacedModel,
  room: Room,
  n: number,
  ids: Int32Array,
  length: number,
): Promise<ArrayLike<number>[]> {
  const { device } = model;
  const programs: Program[] = [];
  const keep = (program: Program): Program => {
    programs.push(program);
    return program;
  };
  let state: readonly Tensor[] = [];
  const logits: ArrayLike<number>[] = [];
  try {
    state = keep(await compileStart(model, room)).run([]);
    const first = keep(await compileStep(model, room, { n, gives: 'logits' }));
    const next = ids.length > length ? keep(await compileStep(model, room, { n: 1, gives: 'logits' })) : first;
    for (let at = 0; at < ids.length;) {
      const count = at === 0 ? length : 1;
      const made = runStep(at === 0 ? first : next, ids.subarray(at, at + count), at === 0 ? n : 1, state);
      state = made.state;
      logits.push(await readAndFree(device, made.given));
      at += count;
    }
    return logits;
  } finally {
    disposeTree(state);
    for (const program of programs) program.dispose();
  }
}

async function readAndFree(device: Device, tensor: Tensor): Promise<ArrayLike<number>> {
  try {
    return await device.read(tensor);
  } finally {
    tensor.dispose();
  }
}
