import type { MixerSpec, TensorRule } from '@tessera/plugin';
import type { PublishedPart } from '../published-model.ts';
import { compact } from './attention-settings.ts';
import type { RotarySettings } from './attention-settings.ts';

/** Rotary settings of an attention with latents: all of the shared key is rotated. */
export interface LatentRotarySettings extends Omit<RotarySettings, 'dims'> {
  /** Which elements form a pair. @defaultValue 'half' */
  readonly order?: 'half' | 'interleaved';
}

/** Settings of an attention with latents in a spec. */
export interface LatentAttentionSettings {
  readonly heads: number;
  /** Groups of heads with a latent each. @defaultValue 1 */
  readonly latentHeads?: number;
  /** Rank of the queries; absent: they are projected at once. */
  readonly queryRank?: number | undefined;
  /** Width of a latent. */
  readonly latentDim: number;
  /** Width of the part of a key that a latent gives. */
  readonly headDim: number;
  readonly valueDim: number;
  /** Width of the shared key. */
  readonly rotaryDim: number;
  /** Absent: the shared key is not rotated. */
  readonly rotary?: LatentRotarySettings | undefined;
  /** Absent: (headDim + rotaryDim)^−½. */
  readonly scale?: number | undefined;
  /** Of the norms of latents and low-rank queries. */
  readonly normEps: number;
  /** Biases of the maps down to the ranks. */
  readonly downBias?: boolean;
  /** Biases of the maps up to the heads. */
  readonly upBias?: boolean;
  readonly outputBias?: boolean;
  readonly window?: number | undefined;
  /** Of the weights, in training. */
  readonly dropout?: number | undefined;
}

/** How the tensors of an attention with latents are published. */
export interface LatentAttentionTensors {
  /** Queries without a rank. */
  readonly query: string;
  readonly queryDown: string;
  readonly queryNorm: string;
  readonly queryUp: string;
  /** Latents and shared key, of one matrix or of one each. */
  readonly down: readonly [string] | readonly [latent: string, sharedKey: string];
  /** Norm of each latent. */
  readonly norms: readonly string[];
  /** Keys and values of the heads of each latent, those of a head one after another. */
  readonly up: readonly string[];
  readonly output: string;
}

/** The names of DeepSeek's models and their kin. */
const deepseekTensors: LatentAttentionTensors = {
  query: 'q_proj',
  queryDown: 'q_a_proj',
  queryNorm: 'q_a_layernorm',
  queryUp: 'q_b_proj',
  down: ['kv_a_proj_with_mqa'],
  norms: ['kv_a_layernorm'],
  up: ['kv_b_proj'],
  output: 'o_proj',
};

/** Attention with latents: one for all heads (MLA), or one for each group of heads. */
export function latentAttentionPart(
  settings: LatentAttentionSettings,
  tensors: LatentAttentionTensors = deepseekTensors,
): PublishedPart<MixerSpec> {
  const { latentHeads = 1, normEps, ...rest } = settings;
  const kind = latentHeads === 1 ? 'multi-head-latent-attention' : 'grouped-latent-attention';
  return {
    spec: {
      type: `@tessera/attention-latent:${kind}`,
      config: compact({ ...rest, ...(latentHeads > 1 && { latentHeads }), ...(normEps !== 1e-6 && { normEps }) }),
    },
    rules: () => [
      ...queryRules(settings, tensors),
      ...latentRules(settings, tensors),
      ...outputRules(settings, tensors),
    ],
  };
}

function queryRules(
  { queryRank, downBias, upBias }: LatentAttentionSettings,
  { query, queryDown, queryNorm, queryUp }: LatentAttentionTensors,
): TensorRule[] {
  if (queryRank === undefined) return map(query, 'q', upBias);
  return [
    ...map(queryDown, 'q_a', downBias),
    { kind: 'rename', published: `${queryNorm}.weight`, ours: 'q_a_norm' },
    ...map(queryUp, 'q_b', upBias),
  ];
}

function latentRules(settings: LatentAttentionSettings, { down, norms, up }: LatentAttentionTensors): TensorRule[] {
  const { heads, latentHeads = 1, latentDim, headDim, valueDim, rotaryDim, downBias, upBias } = settings;
  const latents = latentHeads * latentDim;
  const joined = down.length === 1 ? [latents + rotaryDim] : [latents, rotaryDim];
  const inGroups = (size: number): number[] => up.map(() => size / up.length);
  return [
    ...kinds(downBias).map(({ published, ours }) => gathered(down, joined, published, `kv_a_${ours}`)),
    gathered(
      norms,
      norms.map(() => latents / norms.length),
      'weight',
      'kv_a_norm',
    ),
    ...kinds(upBias).map(({ published, ours }): TensorRule => ({
      kind: 'regroup',
      published: up.map((name) => `${name}.${published}`),
      rows: inGroups(heads * (headDim + valueDim)),
      ours: [`k_b_${ours}`, `v_b_${ours}`],
      sizes: [headDim, valueDim],
      blocks: heads,
    })),
  ];
}

function outputRules({ outputBias }: LatentAttentionSettings, { output }: LatentAttentionTensors): TensorRule[] {
  return map(output, 'o', outputBias);
}

/** Several published tensors that are one of ours. */
function gathered(names: readonly string[], rows: readonly number[], kind: string, ours: string): TensorRule {
  const published = names.map((name) => `${name}.${kind}`);
  if (published.length === 1) return { kind: 'rename', published: published[0] as string, ours };
  return { kind: 'regroup', published, rows, ours: [ours], sizes: [rows.reduce((sum, size) => sum + size, 0)] };
}

function map(published: string, ours: string, bias: boolean | undefined): TensorRule[] {
  return kinds(bias).map((kind) => ({
    kind: 'rename',
    published: `${published}.${kind.published}`,
    ours: `${ours}_${kind.ours}`,
  }));
}

/** Names of what a linear map learns. */
function kinds(bias = false): readonly { readonly published: string; readonly ours: string }[] {
  const weight = { published: 'weight', ours: 'proj' };
  return bias ? [weight, { published: 'bias', ours: 'bias' }] : [weight];
}
