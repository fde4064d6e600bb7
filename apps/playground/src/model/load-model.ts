import type { LoadOptions, Model } from '@tessera/assembler';
import { Registry, createAssembler, resolveSpec } from '@tessera/assembler';
import { toFileSource } from '@tessera/checkpoints';
import { requestWebGpu } from '@tessera/kernels-webgpu';
import type { CachePolicy } from '@tessera/plugin';
import { CpuDevice } from '@tessera/tensor-core';
import type { LoadRequest, ModelSource, Reach, Report, SinkWish } from '../protocol.ts';
import { chooseDevice } from './choose-device.ts';
import { pluginsFor } from './families.ts';
import { loadingProgress } from './loading-progress.ts';
import { factsOf } from './model-facts.ts';
import { reachOf } from './reach-of.ts';
import { readSpec } from './read-spec.ts';
import { sentenceOf } from './sentence-of.ts';

/** A model, and how far its texts go. */
export interface Loaded {
  readonly model: Model;
  readonly reach: Reach;
  /** The one that proposes. */
  readonly draft: Model | undefined;
}

// #region load
/** Loads a model, or brings back a `former` one that lost its device, and tells how far that is. */
export async function loadModel(
  request: LoadRequest,
  former: Loaded | undefined,
  tell: (report: Report) => void,
): Promise<Loaded> {
  const choice = await chooseDevice(request.wish);
  const options = {
    // The policy of this page forbids WebAssembly: the processor multiplies without it, and does not try.
    device: choice.device === 'cpu' ? new CpuDevice({ simd: false }) : choice.device,
    onProgress: loadingProgress('the model', choice.device === 'webgpu', tell),
  };
  await former?.model.reload(options);
  const { model, reach } = former ?? (await openModel(request.source, request.sinks, options));
  const { kind, name, lost } = model.device;
  void lost?.then(({ message }) => tell({ type: 'gone', sentence: message }));
  const { draft, problem } = await openDraft(request, model, former?.draft, tell);
  tell({ type: 'ready', device: { kind, name, notice: choice.notice }, model: factsOf(model, reach, draft) });
  if (problem !== undefined) tell({ type: 'failed', sentence: problem });
  return { model, reach, draft };
}

/** Only the families that the model names are fetched. */
async function openModel(
  source: ModelSource,
  sinks: SinkWish | undefined,
  options: LoadOptions,
): Promise<Pick<Loaded, 'model' | 'reach'>> {
  const files = await toFileSource(source);
  const spec = await readSpec(files);
  const plugins = await pluginsFor(spec);
  const reach = reachOf(resolveSpec(spec, new Registry(plugins)), sinks);
  const assembler = createAssembler({ plugins, backends: { webgpu: () => requestWebGpu() } });
  return { model: await assembler.load(files, { ...options, cachePolicy: await policyFor(reach) }), reach };
}
// #endregion load

/** What a model that proposes keeps of a text. Only speed depends on it, and so it goes along without end. */
const sinksOfDrafts: SinkWish = { sinks: 4, window: undefined };

/** Loads the model that proposes, beside the one that it proposes to. When that fails there is still the other one. */
async function openDraft(
  { draft: source }: LoadRequest,
  { device }: Model,
  former: Model | undefined,
  tell: (report: Report) => void,
): Promise<{ readonly draft: Model | undefined; readonly problem?: string }> {
  const options = { device, onProgress: loadingProgress('the draft model', device.kind === 'webgpu', tell) };
  try {
    await former?.reload(options);
    if (former || source === undefined) return { draft: former };
    return { draft: (await openModel(source, sinksOfDrafts, options)).model };
  } catch (error) {
    return { draft: undefined, problem: `The draft model could not be loaded. ${sentenceOf(error)}` };
  }
}

/** Under which policy a model is read so that its texts go that far. */
async function policyFor(reach: Reach): Promise<CachePolicy | undefined> {
  if (reach.kind === 'context') return undefined;
  const { sinkCache } = await import('@tessera/streaming-sinks');
  // Where no cache grows there is nothing to evict: the policy only says that there is no end.
  const { sinks, window } = reach.kind === 'sinks' ? reach : { sinks: 0, window: 1 };
  return sinkCache({ sinks, window });
}
