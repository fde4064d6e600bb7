import { Model, estimateMemory } from '@tessera/assembler';
import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import type { WeightDtype } from '../cases/products.ts';
import type { Scale } from '../scale.ts';
import type { Statistics } from '../statistics.ts';
import { statisticsOf } from '../statistics.ts';
import type { ModelShape } from './shape.ts';
import { promptBefore } from './shape.ts';
import type { PlacedModel } from './steps.ts';
import { someIds } from './steps.ts';

/** What a user of `model.stream` gets. */
export interface PublicFigures {
  /** Tokens a second, from the first token to the last, around the timed context; greedy. */
  readonly decode: Statistics;
  /** Tokens of the prompt over the time until its first token. */
  readonly prefill: Statistics;
  /** Milliseconds until the first token of the short prompt: the first time, when its steps are compiled… */
  readonly firstTokenCold: number;
  /** …and when all is there. */
  readonly firstTokenWarm: Statistics;
  /** What one token of a warm stream takes. */
  readonly perToken: Readonly<Record<'dispatches' | 'submits' | 'buffers' | 'pipelines' | 'bindGroups', number>>;
  /** The first tokens after the short prompt, and the first after the long one. */
  readonly ids: readonly number[];
  readonly promptId: number;
}

interface Run {
  readonly ids: readonly number[];
  readonly firstMs: number;
  readonly restMs: number;
  readonly counted: PublicFigures['perToken'];
}

const counters = ['dispatches', 'submits', 'buffers', 'pipelines', 'bindGroups'] as const;

/** Tokens at both ends that are not counted: there steps begin before tokens arrive, or none begins any more. */
const edge = 4;

/** One greedy generation, by the clock of somebody who reads the stream. */
async function stream(model: Model, device: WebGpuDevice, prompt: readonly number[], count: number): Promise<Run> {
  const ids: number[] = [];
  const begun = performance.now();
  let [firstMs, restMs] = [0, 0];
  let [from, to] = [{ ...device.counters }, { ...device.counters }];
  for await (const event of model.stream(prompt, { temperature: 0, maxNewTokens: count, ignoreEos: true })) {
    if (event.type !== 'token') continue;
    ids.push(event.tokenId);
    if (ids.length === 1) firstMs = performance.now() - begun;
    restMs = performance.now() - begun - firstMs;
    if (ids.length === edge) from = { ...device.counters };
    if (ids.length === count - edge) to = { ...device.counters };
  }
  const steps = Math.max(1, count - 2 * edge);
  const counted = Object.fromEntries(counters.map((name) => [name, (to[name] - from[name]) / steps]));
  return { ids, firstMs, restMs, counted: counted as PublicFigures['perToken'] };
}

/** A model over weights that lie on a device. It takes them over. */
export function modelOf(
  { graph, params, device }: PlacedModel<WebGpuDevice>,
  { maxPositions }: Pick<ModelShape, 'maxPositions'>,
  dtype: WeightDtype,
): Model {
  const estimate = estimateMemory(graph, dtype, maxPositions);
  return new Model({ graph, device, ownsDevice: false, params, estimate, loadMs: 0 });
}

/** Generates as an application does. */
export async function timePublicApi(
  model: Model,
  device: WebGpuDevice,
  shape: ModelShape,
  scale: Scale,
): Promise<PublicFigures> {
  const short = [...someIds(promptBefore(shape), shape.vocabSize)];
  const long = [...someIds(shape.prompt, shape.vocabSize)];
  const cold = await stream(model, device, short, shape.tokens);
  await stream(model, device, long, 1);
  const [runs, prompts]: [Run[], Run[]] = [[], []];
  for (let i = 0; i < (scale === 'dry' ? 1 : 10); i++) {
    runs.push(await stream(model, device, short, shape.tokens));
    prompts.push(await stream(model, device, long, 1));
  }
  const last = runs.at(-1)!;
  return {
    decode: statisticsOf(runs.map(({ ids, restMs }) => (1000 * (ids.length - 1)) / restMs)),
    prefill: statisticsOf(prompts.map(({ firstMs }) => (1000 * shape.prompt) / firstMs)),
    firstTokenCold: cold.firstMs,
    firstTokenWarm: statisticsOf(runs.map(({ firstMs }) => firstMs)),
    perToken: last.counted,
    ids: last.ids,
    promptId: prompts.at(-1)!.ids[0]!,
  };
}
