import type { WebGpuDevice, WebGpuProgram } from '@tessera/kernels-webgpu';
import type { Program } from '@tessera/tensor-core';
import { disposeTree, fromHost } from '@tessera/tensor-core';
import type { WeightDtype } from '../cases/products.ts';
import type { TimedDevice } from '../clocks.ts';
import type { Scale } from '../scale.ts';
import { lineThrough } from '../statistics.ts';
import type { Roofs } from '../work.ts';
import { boundOf } from '../work.ts';
import { decodeWork, prefillWork } from './bounds.ts';
import { logitsError } from './check-logits.ts';
import type { TimedSteps } from './check-logits.ts';
import { aroundContext, greedyIds, timeBatched, timeDecode } from './decode.ts';
import type { DecodePrograms, DecodeTimes } from './decode.ts';
import { profileSteps } from './parts.ts';
import { timePrefill } from './prefill.ts';
import type { PublicFigures } from './public-api.ts';
import { modelOf, timePublicApi } from './public-api.ts';
import { graphOf } from './shape.ts';
import type { ModelShape } from './shape.ts';
import type { StepTimes } from './step-times.ts';
import { compileStart, compileStep, someIds } from './steps.ts';
import type { PlacedModel } from './steps.ts';
import { waterfallOf } from './waterfall.ts';
import type { Waterfall } from './waterfall.ts';
import { uploadWeights } from './weights.ts';

/** What one more dispatch costs a decode step, microseconds: the slope when dispatches that do nothing are put in. */
interface DispatchCost {
  readonly wall: number;
  readonly host: number;
}

/** Figures of a model. */
export interface ModelFigures {
  /** What a user of the public API gets. */
  readonly public: PublicFigures;
  readonly decode: DecodeTimes;
  readonly prefill: StepTimes;
  /** Milliseconds to compile the first step of this model, when no shader of it was known. */
  readonly compileCold: number;
  /** Seconds to upload the weights. */
  readonly uploadSeconds: number;
  readonly decodeDispatches: number;
  readonly prefillDispatches: number;
  /** Absent where the device has no exact timestamps. */
  readonly waterfalls: readonly Waterfall[];
  readonly dispatchCost: DispatchCost;
}

/** A model with random weights, end to end. */
export interface ModelReport {
  readonly name: string;
  readonly dtype: WeightDtype;
  readonly context: number;
  readonly prompt: number;
  readonly outcome: 'measured' | 'dry' | 'wrong' | 'failed' | 'not reached';
  readonly reason?: string;
  /** Largest difference of logits from float64, as a part of the largest. */
  readonly error?: number;
  readonly tolerance: number;
  /** Bytes that a decode step must read, and the tokens a second that the copy roof allows. */
  readonly decodeBytes?: number;
  readonly decodeBound?: number;
  readonly figures?: ModelFigures;
}

/** With what models are timed. */
export interface ModelContext extends TimedDevice {
  readonly scale: Scale;
  readonly shape: ModelShape;
  readonly roofs: Roofs;
}

/** Layers add up their rounding, and 16-bit weights may be multiplied in 16 bits. */
const tolerances = { f32: 1e-3, f16: 5e-3, bf16: 5e-3 } as const;
/** Tokens of the public API that must be those of the steps that are timed below it. */
const comparedTokens = 8;

/** A report without figures. */
export function reportWithout(
  { name, context, prompt }: ModelShape,
  dtype: WeightDtype,
  outcome: Exclude<ModelReport['outcome'], 'measured'>,
  reason?: string,
): ModelReport {
  return {
    name,
    dtype,
    context,
    prompt,
    outcome,
    tolerance: tolerances[dtype],
    ...(reason !== undefined && { reason }),
  };
}

/** Times a model, decoding around one context and reading one prompt, and checks it in the same process. */
export async function benchModel(context: ModelContext, dtype: WeightDtype): Promise<ModelReport> {
  const { device, shape } = context;
  const graph = graphOf(shape);
  const begun = performance.now();
  const params = uploadWeights(graph, dtype, device);
  const model: PlacedModel<WebGpuDevice> = { graph, params, device };
  try {
    await device.read(params['finalNorm.weight']!);
    return await reportOf(context, model, dtype, (performance.now() - begun) / 1000);
  } catch (error) {
    return reportWithout(shape, dtype, 'failed', error instanceof Error ? error.message : String(error));
  } finally {
    disposeTree(params);
  }
}

async function reportOf(
  context: ModelContext,
  placed: PlacedModel<WebGpuDevice>,
  dtype: WeightDtype,
  uploadSeconds: number,
): Promise<ModelReport> {
  const { device, shape, scale, roofs } = context;
  const steps = roomsOf(shape);
  const compiling = performance.now();
  const decode = await compileStep(placed, steps.decoding, { n: 1, gives: 'token' });
  const compileCold = performance.now() - compiling;
  const model = modelOf(placed, shape, dtype);
  const programs: Program[] = [decode];
  const keep = <P extends Program>(program: P): P => {
    programs.push(program);
    return program;
  };
  try {
    const publicFigures = await timePublicApi(model, device, shape, scale);
    const error = await logitsError(placed, shape, dtype, steps);
    const report = { ...reportWithout(shape, dtype, 'dry'), error };
    if (!(error <= report.tolerance))
      return { ...report, outcome: 'wrong', reason: `logits differ by ${error.toExponential(1)}` };
    const decoding = {
      start: keep(await compileStart(placed, steps.decoding)),
      context: keep(await compileStep(placed, steps.decoding, { n: shape.context, gives: 'token' })),
      decode,
    };
    const reading = {
      start: keep(await compileStart(placed, steps.prompt)),
      prefill: keep(await compileStep(placed, steps.prompt, { n: shape.prompt, gives: 'token' })),
    };
    const prefill = await timePrefill(device, reading, shape, scale);
    const call = { device, programs: decoding, shape, scale };
    const ids = await greedyIds(call, Math.min(comparedTokens, shape.tokens));
    const same = ids.every((id, i) => id === publicFigures.ids[i]) && prefill.id === publicFigures.promptId;
    if (!same)
      return { ...report, outcome: 'wrong', reason: 'the public API gives other tokens than the steps below it' };
    const decodeTimes = await timeDecode(call);
    const dispatchCost = await dispatchCostOf(context, placed, decoding);
    const work = {
      decode: decodeWork(placed, steps.decoding, shape),
      prefill: prefillWork(placed, steps.prompt, shape),
    };
    const bounds = { decode: boundOf(work.decode, roofs), prefill: boundOf(work.prefill, roofs) };
    const parts = context.timestamps ? await partsOfBoth(context, decoding, reading) : undefined;
    const waterfalls = parts
      ? [
          waterfallOf(`Decode step at context ${shape.context}, ${dtype}`, bounds.decode, parts.decode, decodeTimes),
          waterfallOf(`Prompt of ${shape.prompt} tokens, ${dtype}`, bounds.prefill, parts.prefill, prefill.times),
        ]
      : [];
    if (scale === 'dry') return report;
    return {
      ...report,
      outcome: 'measured',
      decodeBytes: work.decode.bytes,
      decodeBound: 1e6 / bounds.decode.microseconds,
      figures: {
        public: publicFigures,
        decode: decodeTimes,
        prefill: prefill.times,
        compileCold,
        uploadSeconds,
        decodeDispatches: decode.dispatches,
        prefillDispatches: reading.prefill.dispatches,
        waterfalls,
        dispatchCost,
      },
    };
  } finally {
    for (const program of programs) program.dispose();
    await model.dispose();
  }
}

function roomsOf({ context, prompt, tokens }: ModelShape): TimedSteps {
  return {
    decoding: { capacity: 2 * context, chunk: context },
    prompt: { capacity: prompt + tokens, chunk: prompt },
  };
}

/** The slope of a decode step's time over dispatches that are put into it. */
async function dispatchCostOf(
  { device, shape, scale }: ModelContext,
  placed: PlacedModel<WebGpuDevice>,
  programs: DecodePrograms,
): Promise<DispatchCost> {
  const wall: [number, number][] = [];
  const host: [number, number][] = [];
  for (const noOps of scale === 'dry' ? [0, 3] : [0, 64, 128, 256]) {
    const decode = await compileStep(placed, roomsOf(shape).decoding, { n: 1, gives: 'token', noOps });
    const times = await timeBatched({ device, programs: { ...programs, decode }, shape, scale });
    wall.push([noOps, times.batched.median]);
    host.push([noOps, times.host.median]);
    decode.dispose();
  }
  return { wall: lineThrough(wall).slope, host: lineThrough(host).slope };
}

async function partsOfBoth(
  { device, shape, scale }: ModelContext,
  decoding: DecodePrograms & { readonly decode: WebGpuProgram },
  { start, prefill }: { readonly start: Program; readonly prefill: WebGpuProgram },
): Promise<Record<'decode' | 'prefill', Awaited<ReturnType<typeof profileSteps>>>> {
  const times = scale === 'dry' ? 1 : 10;
  const decode = await aroundContext({ device, programs: decoding, shape }, (sequence) =>
    profileSteps(
      decoding.decode,
      times,
      async () => sequence.inputs,
      (outputs) => sequence.taken(outputs),
    ),
  );
  const tokens = fromHost(someIds(shape.prompt, shape.vocabSize), [1, shape.prompt]);
  const inputs = [tokens, fromHost(new Int32Array(1), [1]), fromHost(Int32Array.of(shape.prompt), [1])];
  return {
    decode,
    prefill: await profileSteps(prefill, times, async () => [...inputs, ...start.run([])], disposeTree),
  };
}
