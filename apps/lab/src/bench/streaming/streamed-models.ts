import { basename } from 'node:path';
import type { LanguageModelGraph } from '@tessera/assembler';
import {
  LanguageModelGraph as Graph,
  Model,
  bindCachePolicy,
  createAssembler,
  estimateMemory,
} from '@tessera/assembler';
import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import type { CachePolicy } from '@tessera/plugin';
import { sinkCache } from '@tessera/streaming-sinks';
import { disposeTree } from '@tessera/tensor-core';
import { plugins } from '../../experiments/mixers.ts';
import { graphOf } from '../model/shape.ts';
import { uploadWeights } from '../model/weights.ts';
import type { StreamingShape } from './streaming-shape.ts';

/** `sinks`: a cache that evicts; `full`: one that keeps everything. */
export type CacheName = 'sinks' | 'full';

/** Every {@link CacheName}. */
export const cacheNames: readonly CacheName[] = ['sinks', 'full'];

/** A model with each cache, on a device. */
export interface StreamedModels {
  readonly models: Readonly<Record<CacheName, Model>>;
  dispose(): Promise<void>;
}

/** What streams. */
export interface StreamedSubject {
  readonly name: string;
  /** Positions up to which each cache is timed. */
  readonly most: Readonly<Record<CacheName, number>>;
  open(device: WebGpuDevice): Promise<StreamedModels>;
}

const assembler = createAssembler({ plugins });

/** A checkpoint, at all points. */
export function storyStream(directory: string, shape: StreamingShape): StreamedSubject {
  const most = shape.points.at(-1)!;
  return {
    name: basename(directory),
    most: { sinks: most, full: most },
    async open(device) {
      const load = (cachePolicy?: CachePolicy): Promise<Model> =>
        assembler.load(directory, { device, cachePolicy, precompile: false });
      const models = { full: await load(), sinks: await load(policyOf(shape)) };
      return { models, dispose: () => disposeBoth(models) };
    },
  };
}

/** A model of random weights. */
export function randomStream(shape: StreamingShape): StreamedSubject {
  const { name, sizes, sinks, full } = shape.random;
  return {
    name,
    most: { sinks, full },
    async open(device) {
      const graph = graphOf(sizes);
      const params = uploadWeights(graph, 'f16', device, { embedding: 1 });
      const modelOf = (own: LanguageModelGraph): Model =>
        new Model({
          graph: own,
          device,
          ownsDevice: false,
          params,
          ownsWeights: false,
          estimate: estimateMemory(own, 'f16', sizes.maxPositions),
          loadMs: 0,
        });
      const bound = new Graph(bindCachePolicy(graph.resolved, policyOf(shape)).resolved);
      const models = { full: modelOf(graph), sinks: modelOf(bound) };
      return {
        models,
        async dispose() {
          await disposeBoth(models);
          disposeTree(params);
        },
      };
    },
  };
}

const policyOf = ({ sinks, window }: StreamingShape): CachePolicy => sinkCache({ sinks, window });

async function disposeBoth({ full, sinks }: StreamedModels['models']): Promise<void> {
  await Promise.all([full.dispose(), sinks.dispose()]);
}
