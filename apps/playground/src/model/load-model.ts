import type { LoadOptions, Model } from '@tessera/assembler';
import { Registry, createAssembler, resolveSpec } from '@tessera/assembler';
import { toFileSource } from '@tessera/checkpoints';
import { requestWebGpu } from '@tessera/kernels-webgpu';
import type { CachePolicy } from '@tessera/plugin';
import { CpuDevice } from '@tessera/tensor-core';
import type { LoadRequest, Reach, Report } from '../protocol.ts';
import { chooseDevice } from './choose-device.ts';
import { pluginsFor } from './families.ts';
import { loadingProgress } from './loading-progress.ts';
import { factsOf } from './model-facts.ts';
import { reachOf } from './reach-of.ts';
import { readSpec } from './read-spec.ts';

/** A model, and how far its texts go. */
export interface Loaded {
  readonly model: Model;
  readonly reach: Reach;
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
    onProgress: loadingProgress(choice.device === 'webgpu', tell),
  };
  await former?.model.reload(options);
  const loaded = former ?? (await openModel(request, options));
  const { kind, name, lost } = loaded.model.device;
  void lost?.then(({ message }) => tell({ type: 'gone', sentence: message }));
  tell({
    type: 'ready',
    device: { kind, name, notice: choice.notice },
    model: factsOf(loaded.model, loaded.reach),
  });
  return loaded;
}

/** Only the families that the model names are fetched. */
async function openModel({ source, sinks }: LoadRequest, options: LoadOptions): Promise<Loaded> {
  const files = await toFileSource(source);
  const spec = await readSpec(files);
  const plugins = await pluginsFor(spec);
  const reach = reachOf(resolveSpec(spec, new Registry(plugins)), sinks);
  const assembler = createAssembler({ plugins, backends: { webgpu: () => requestWebGpu() } });
  return { model: await assembler.load(files, { ...options, cachePolicy: await policyFor(reach) }), reach };
}
// #endregion load

/** Under which policy a model is read so that its texts go that far. */
async function policyFor(reach: Reach): Promise<CachePolicy | undefined> {
  if (reach.kind === 'context') return undefined;
  const { sinkCache } = await import('@tessera/streaming-sinks');
  // Where no cache grows there is nothing to evict: the policy only says that there is no end.
  const { sinks, window } = reach.kind === 'sinks' ? reach : { sinks: 0, window: 1 };
  return sinkCache({ sinks, window });
}
