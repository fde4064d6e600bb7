import type { MixerCapabilities, OpenedCheckpoint } from '@tessera/assembler';
import { estimateMemory } from '@tessera/assembler';
import type { LayerSpec, Memory, ModelSpec } from '@tessera/plugin';
import { groupLayers } from './layer-groups.ts';
import type { StateFacts } from './state-facts.ts';
import { growthsOf, stateFacts } from './state-facts.ts';
import type { TokenizerFacts } from './tokenizer-facts.ts';

/** What a checkpoint holds, as far as it can be told without its weights. */
export interface Description {
  readonly directory: string;
  readonly modelType: string | null;
  readonly spec: Omit<ModelSpec, 'layers'> & { readonly layers: number };
  /** Layers that are specified alike, with their numbers. */
  readonly layers: readonly { readonly indices: readonly number[]; readonly layer: LayerSpec }[];
  readonly parameters: number;
  /** Bytes by dtype: of the weights, and with the state of one sequence of `state.contextLength` positions. */
  readonly memory: Readonly<
    Record<'fp32' | 'fp16' | 'bf16', { readonly weightBytes: number; readonly totalBytes: number }>
  >;
  /** What one sequence takes; null when the model does not generate. */
  readonly state: StateFacts | null;
  readonly tokenizer: TokenizerFacts | null;
  readonly mixers: readonly (MixerCapabilities & {
    readonly layers: readonly number[];
    readonly growth: readonly Memory['growth'][];
  })[];
  /** The files as they lie there. */
  readonly checkpoint: {
    readonly tensors: number;
    readonly bytes: number;
    readonly files: readonly string[];
    readonly dtypes: readonly string[];
  };
  readonly warnings: readonly string[];
}

/** Describes an opened checkpoint, with the state of one sequence of `contextLength` positions. */
export function describe(
  directory: string,
  { graph, config, reader, warnings }: OpenedCheckpoint,
  tokenizer: TokenizerFacts | undefined,
  capabilities: readonly MixerCapabilities[],
  contextLength: number = graph.resolved.spec.maxPositions,
): Description {
  const { layers, ...spec } = graph.resolved.spec;
  const memoryAs = (dtype: 'fp32' | 'fp16' | 'bf16'): { weightBytes: number; totalBytes: number } => {
    const { weightBytes, totalBytes } = estimateMemory(graph, dtype, contextLength);
    return { weightBytes, totalBytes };
  };
  const tensors = [...reader.tensors.values()];
  return {
    directory,
    modelType: typeof config['model_type'] === 'string' ? config['model_type'] : null,
    spec: { ...spec, layers: layers.length },
    layers: groupLayers(layers),
    parameters: estimateMemory(graph, 'fp32', contextLength).parameters,
    memory: { fp32: memoryAs('fp32'), fp16: memoryAs('fp16'), bf16: memoryAs('bf16') },
    state: stateFacts(graph, contextLength) ?? null,
    tokenizer: tokenizer ?? null,
    mixers: mixersOf(graph, capabilities, contextLength),
    checkpoint: {
      tensors: tensors.length,
      bytes: tensors.reduce((total, { byteLength }) => total + byteLength, 0),
      files: [...new Set(tensors.map(({ file }) => file))],
      dtypes: [...new Set(tensors.map(({ dtype }) => dtype))],
    },
    warnings: [...warnings, ...(tokenizer?.warnings ?? [])],
  };
}

function mixersOf(
  graph: OpenedCheckpoint['graph'],
  capabilities: readonly MixerCapabilities[],
  contextLength: number,
): Description['mixers'] {
  const { layers } = graph.resolved;
  return capabilities.flatMap((capability) => {
    const indices = layers.flatMap(({ mixer }, index) => (mixer?.part.name === capability.name ? [index] : []));
    return indices.length === 0
      ? []
      : [{ ...capability, layers: indices, growth: growthsOf(graph, indices, contextLength) }];
  });
}
