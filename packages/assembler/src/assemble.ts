import type { CachePolicy } from '@tessera/plugin';
import type { Device, Tensor } from '@tessera/tensor-core';
import { UnsupportedOptionError, disposeTree } from '@tessera/tensor-core';
import type { ChooseDevice, DeviceOption } from './devices.ts';
import { capacityOf } from './generation/capacity.ts';
import { checkMemory, estimateMemory } from './model/estimate.ts';
import { initialWeights } from './model/initial-weights.ts';
import { LanguageModelGraph } from './model/language-model.ts';
import { Model } from './model/model.ts';
import type { ModelParts, ReloadOptions, Residence } from './model/model.ts';
import { stepLengths } from './model/step-lengths.ts';
import { checkWeightDtype, storageOf, toStorage } from './model/weight-dtype.ts';
import type { WeightDtype } from './model/weight-dtype.ts';
import { takeMixers } from './model-spec-input.ts';
import type { ModelSpecInput } from './model-spec-input.ts';
import { checkOptionNames } from './option-names.ts';
import { pause } from './pause.ts';
import type { Registry } from './registry.ts';
import { bindCachePolicy } from './stack/bind-cache-policy.ts';
import { resolveSpec } from './stack/resolve.ts';

/** How a new model is made. */
export interface AssembleOptions {
  /** @defaultValue 'auto' */
  readonly device?: DeviceOption | undefined;
  /** How matrices are kept. @defaultValue 'fp32' */
  readonly dtype?: WeightDtype | undefined;
  /** From which the first weights are drawn. @defaultValue 0 */
  readonly seed?: number | undefined;
  /** Bytes that the model may take. @defaultValue no limit */
  readonly memoryLimit?: number | undefined;
  /** Rejects with `signal.reason`, and frees what was allocated. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How growing caches evict and are read, such as `sinkCache` of `@tessera/streaming-sinks`. @defaultValue none: they grow up to the
   * capacity of a session
   */
  readonly cachePolicy?: CachePolicy | undefined;
  /** Receives sentences about what is odd and harmless. */
  readonly onWarning?: ((warning: string) => void) | undefined;
}

const optionNames = ['device', 'dtype', 'seed', 'memoryLimit', 'signal', 'cachePolicy', 'onWarning'] as const;

/**
 * Makes a model with weights drawn from a seed.
 * @param about - what else the model knows of itself
 */
export async function assembleModel(
  given: ModelSpecInput,
  registry: Registry,
  options: AssembleOptions,
  choose: ChooseDevice,
  about: (graph: LanguageModelGraph) => Pick<ModelParts, 'origin' | 'text'> = () => ({}),
): Promise<Model> {
  const started = performance.now();
  checkOptionNames(options, optionNames, 'assemble');
  const { seed = 0, signal } = options;
  signal?.throwIfAborted();
  if (!Number.isSafeInteger(seed))
    throw new UnsupportedOptionError(
      `assemble: seed is ${String(seed)}, expected a whole number up to 2⁵³ − 1 in size.`,
      {
        facts: { option: 'seed', value: seed },
      },
    );
  const dtype = checkWeightDtype(options.dtype ?? 'fp32');
  const { spec, mixers } = takeMixers(given);
  const { resolved, warnings } = bindCachePolicy(resolveSpec(spec, registry.with(mixers)), options.cachePolicy);
  for (const warning of warnings) options.onWarning?.(warning);
  const graph = new LanguageModelGraph(resolved);
  const { maxPositions } = graph.resolved.spec;
  const settle = async (given: Pick<ReloadOptions, 'device' | 'signal'>, since: number): Promise<Residence> => {
    const { device, owned } = await choose(given.device ?? options.device ?? 'auto');
    try {
      const [chunk] = stepLengths(device, capacityOf(resolved, maxPositions));
      const estimate = estimateMemory(graph, dtype, maxPositions, undefined, chunk);
      checkMemory(estimate, options.memoryLimit);
      const params = await drawWeights(graph, device, dtype, seed, given.signal);
      return { device, ownsDevice: owned, params, estimate, loadMs: performance.now() - since };
    } catch (error) {
      if (owned) device.dispose();
      throw error;
    }
  };
  const again = (given: ReloadOptions): Promise<Residence> => settle(given, performance.now());
  return new Model({ graph, ...about(graph), ...(await settle({ signal }, started)), settle: again });
}

async function drawWeights(
  graph: LanguageModelGraph,
  device: Device,
  dtype: WeightDtype,
  seed: number,
  signal: AbortSignal | undefined,
): Promise<Record<string, Tensor>> {
  const params: Record<string, Tensor> = {};
  try {
    for (const [path, param] of Object.entries(graph.params())) {
      await pause();
      signal?.throwIfAborted();
      const kept = storageOf(param, dtype);
      const values = await initialWeights(path, param, seed);
      params[path] = device.upload(toStorage(values, kept), { shape: param.shape, dtype: kept });
    }
    return params;
  } catch (error) {
    disposeTree(params);
    throw error;
  }
}
