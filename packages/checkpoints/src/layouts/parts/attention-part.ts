import type { MixerSpec, TensorRule } from '@tessera/plugin';
import type { PublishedPart } from '../published-model.ts';
import { compact } from './attention-settings.ts';
import type { AttentionSettings } from './attention-settings.ts';

/** How an attention's tensors are published. */
export interface AttentionTensors {
  /** @defaultValue 'o_proj' */
  readonly output?: string;
  /** @defaultValue 'q_norm' */
  readonly queryNorm?: string;
  /** @defaultValue 'k_norm' */
  readonly keyNorm?: string;
  /** One matrix for queries, keys and values: its name and how its rows are ordered. Absent: three matrices. */
  readonly fused?: {
    readonly name: string;
    /** `parts`: all queries, all keys, all values. `heads`: the three of the first head, those of the second, … */
    readonly order: 'parts' | 'heads';
  };
  /** Weights are stored `[in, out]`. @defaultValue false */
  readonly transposed?: boolean;
}

/** Attention by softmax; `bidirectional`: every position sees the later ones too. */
export function attentionPart(
  settings: AttentionSettings,
  tensors: AttentionTensors = {},
  { bidirectional = false }: { readonly bidirectional?: boolean } = {},
): PublishedPart<MixerSpec> {
  const type = bidirectional ? 'bidirectional-attention' : 'softmax-attention';
  return {
    spec: { type: `@tessera/attention-softmax:${type}`, config: compact(settings) },
    rules: () => attentionRules(settings, tensors),
  };
}

function attentionRules(settings: AttentionSettings, tensors: AttentionTensors): readonly TensorRule[] {
  const { output = 'o_proj', queryNorm = 'q_norm', keyNorm = 'k_norm', transposed } = tensors;
  return [
    ...(tensors.fused ? fusedRules(settings, tensors.fused, transposed) : separateRules(settings)),
    { kind: 'rename', published: `${output}.weight`, ours: 'o_proj', ...(transposed && { transposed }) },
    ...(settings.outputBias ? [rename(`${output}.bias`, 'o_bias')] : []),
    ...(settings.qkNorm ? [rename(`${queryNorm}.weight`, 'q_norm'), rename(`${keyNorm}.weight`, 'k_norm')] : []),
  ];
}

function separateRules({ qkvBias, outputGate, heads, headDim }: AttentionSettings): TensorRule[] {
  const rule = (name: string, kind: 'weight' | 'bias'): TensorRule => {
    const published = `${name}_proj.${kind}`;
    const suffix = kind === 'weight' ? 'proj' : 'bias';
    if (name !== 'q' || !outputGate) return rename(published, `${name}_${suffix}`);
    return { kind: 'split', published, ours: [`q_${suffix}`, `g_${suffix}`], sizes: [headDim, headDim], blocks: heads };
  };
  return ['q', 'k', 'v'].flatMap((name) => [rule(name, 'weight'), ...(qkvBias ? [rule(name, 'bias')] : [])]);
}

function fusedRules(
  { heads, kvHeads, headDim, qkvBias }: AttentionSettings,
  { name, order }: NonNullable<AttentionTensors['fused']>,
  transposed?: boolean,
): TensorRule[] {
  const rows =
    order === 'heads'
      ? { sizes: [headDim, headDim, headDim], blocks: heads }
      : { sizes: [heads * headDim, kvHeads * headDim, kvHeads * headDim] };
  const ours = (what: string): string[] => [`q_${what}`, `k_${what}`, `v_${what}`];
  return [
    { kind: 'split', published: `${name}.weight`, ours: ours('proj'), ...rows, ...(transposed && { transposed }) },
    ...(qkvBias ? [{ kind: 'split', published: `${name}.bias`, ours: ours('bias'), ...rows } as const] : []),
  ];
}

function rename(published: string, ours: string): TensorRule {
  return { kind: 'rename', published, ours };
}
