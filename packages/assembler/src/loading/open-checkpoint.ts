import type { FileSource, FileSourceInput, SafetensorsReader, TensorPlan } from '@tessera/checkpoints';
import {
  folderSource,
  layoutOf,
  openSafetensors,
  planTensors,
  publishedNames,
  readPublishedConfig,
  settleTies,
  toFileSource,
} from '@tessera/checkpoints';
import type { CachePolicy, CheckpointLayout, PublishedConfig, TensorRule } from '@tessera/plugin';
import { ModelFormatError } from '@tessera/tensor-core';
import { LanguageModelGraph } from '../model/language-model.ts';
import { checkOptionNames } from '../option-names.ts';
import type { Registry } from '../registry.ts';
import { bindCachePolicy } from '../stack/bind-cache-policy.ts';
import { resolveSpec } from '../stack/resolve.ts';
import { readPublished } from './read-weights.ts';

/** How a checkpoint is opened. */
export interface OpenOptions {
  /** Folder of the source that holds the model. */
  readonly subfolder?: string | undefined;
  /** Positions of prompt and new tokens together. @defaultValue those that the checkpoint was made for */
  readonly contextLength?: number | undefined;
  /**
   * How growing caches evict and are read, such as `sinkCache` of `@tessera/streaming-sinks`. @defaultValue none: they grow up to the
   * capacity of a session
   */
  readonly cachePolicy?: CachePolicy | undefined;
  /** Used in place of the global `fetch`. */
  readonly fetch?: typeof fetch | undefined;
  /** Rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

/** Names of {@link OpenOptions}. */
export const openOptionNames = ['subfolder', 'contextLength', 'cachePolicy', 'fetch', 'signal'] as const;

/** A checkpoint whose files were opened and understood, before any weight is read. */
export interface OpenedCheckpoint {
  readonly source: FileSource;
  readonly config: PublishedConfig;
  readonly layout: CheckpointLayout;
  readonly graph: LanguageModelGraph;
  readonly reader: SafetensorsReader;
  /** The checked way from its tensors to the model's. */
  readonly plan: TensorPlan;
  readonly warnings: readonly string[];
}

/** Opens a checkpoint and understands its config. */
export async function openCheckpoint(
  input: FileSourceInput,
  registry: Registry,
  layouts: readonly CheckpointLayout[],
  options: OpenOptions,
): Promise<OpenedCheckpoint> {
  checkOptionNames(options, openOptionNames, 'open');
  const { signal, subfolder, contextLength } = options;
  signal?.throwIfAborted();
  const whole = await toFileSource(input, options.fetch ? { fetch: options.fetch } : {});
  const source = subfolder === undefined ? whole : folderSource(whole, subfolder);
  const config = await readPublishedConfig(source, { signal });
  const layout = layoutOf(config, layouts);
  const reading = layout.toSpec(config, contextLength === undefined ? {} : { contextLength });
  const reader = await openSafetensors(source, { signal });
  try {
    const shapes = new Map([...reader.tensors].map(([name, { shape }]) => [name, shape]));
    const { spec, rules, warnings } = await settleTies(
      reading.spec,
      layout.rules(config, shapes),
      readPublished(reader, signal),
    );
    const bound = bindCachePolicy(resolveSpec(spec, registry), options.cachePolicy);
    const graph = new LanguageModelGraph(bound.resolved);
    const expected = new Map(Object.entries(graph.params()).map(([path, { shape }]) => [path, shape]));
    const plan = planTensors(rules, shapes, { expected, ignored: layout.ignored });
    checkFloats(plan.rules, reader);
    return {
      source,
      config,
      layout,
      graph,
      reader,
      plan,
      warnings: [...reading.warnings, ...warnings, ...bound.warnings],
    };
  } catch (error) {
    await reader.close();
    throw error;
  }
}

/** Whole numbers are quantised weights, which mean nothing without their scales. */
function checkFloats(rules: readonly TensorRule[], reader: SafetensorsReader): void {
  for (const name of rules.flatMap(publishedNames)) {
    const { dtype } = reader.tensors.get(name)!;
    if (!/^(?:B?F|F8_)/.test(dtype))
      throw new ModelFormatError(
        `tensor "${name}" is ${dtype}, expected numbers with a fraction (F32, F16, BF16, …). Load an unquantised checkpoint.`,
        { facts: { tensor: name, dtype } },
      );
  }
}
