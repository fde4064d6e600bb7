import type { CheckpointLayout } from '@tessera/plugin';
import type { ConfigReader } from '../config-reader.ts';
import { readablePositions } from '../context-length.ts';
import { readDecoderSizes } from '../decoder-fields.ts';
import { readLatentRotary, readLatentSizes } from '../latent-attention-fields.ts';
import { llamaModel, readEps } from '../llama-model.ts';
import { makeLayout } from '../make-layout.ts';
import { latentAttentionPart } from '../parts/latent-attention-part.ts';
import type { MixtureSettings } from '../parts/mixture-part.ts';
import { rmsPart } from '../parts/norm-parts.ts';
import { named } from '../published-model.ts';
import { readDeepseekFeedForwards, readExpertGroups, readFirstDense } from './deepseek-mixture.ts';

/** DeepSeek-V2: latent attention, and experts that are chosen by softmax scores, from all groups or from the best. */
export const deepseekV2: CheckpointLayout = makeLayout({
  modelType: 'deepseek_v2',
  read(reader, options) {
    const sizes = readDecoderSizes(reader, { vocabSize: 102_400, dModel: 4096, layers: 32, maxPositions: 2048 });
    const { dModel, layers, maxPositions } = sizes;
    const defaults = { heads: 32, queryRank: 1536, latentDim: 512, headDim: 128, valueDim: 128, rotaryDim: 64 };
    const latent = readLatentSizes(reader, dModel, defaults);
    const { limit, ...rotary } = readLatentRotary(reader, latent, { maxPositions, order: 'interleaved' }, options);
    const eps = readEps(reader, 1e-6);
    const { dense, sparse } = readDeepseekFeedForwards(reader, {
      dModel,
      names: {
        experts: reader.spelling('num_experts', 'n_routed_experts'),
        chosen: 'num_experts_per_tok',
        shared: 'n_shared_experts',
      },
      // The published code has no default for experts of a token; its models have 6.
      defaults: { hidden: 11_008, expertHidden: 1407, experts: 64, chosen: 6, shared: 2 },
      bias: true,
      router: (experts) => readRouter(reader, experts),
    });
    const isSparse = readFirstDense(reader, 0);
    return llamaModel(reader, {
      ...sizes,
      eps,
      maxPositions: readablePositions(reader, maxPositions, options, limit),
      layers: Array.from({ length: layers }, (_, layer) => ({
        mixerNorm: named(rmsPart(eps), 'input_layernorm'),
        mixer: named(latentAttentionPart({ ...latent, ...rotary }), 'self_attn'),
        feedForwardNorm: named(rmsPart(eps), 'post_attention_layernorm'),
        feedForward: named(isSparse(layer) ? sparse : dense, 'mlp'),
      })),
    });
  },
});

/** Ways to choose experts: `true` where groups come first. */
const methods: ReadonlyMap<string, boolean> = new Map([
  ['greedy', false],
  ['group_limited_greedy', true],
]);

function readRouter(
  reader: ConfigReader,
  sizes: { readonly experts: number; readonly expertsPerToken: number },
): MixtureSettings['router'] {
  const scale = reader.number('routed_scaling_factor', 1);
  reader.neutral('scoring_func', 'softmax');
  if (reader.value('norm_topk_prob') === true)
    reader.warn('norm_topk_prob', 'which has no effect in this family, here as in the published code.');
  for (const key of ['n_group', 'topk_group']) reader.value(key);
  const grouped = reader.word('topk_method', 'greedy', methods);
  for (const key of grouped ? ['n_group', 'topk_group'] : [])
    if (!reader.has(key)) throw reader.wrong(key, "a whole number, since topk_method is 'group_limited_greedy'");
  const groups = grouped
    ? readExpertGroups(reader, { count: 'n_group', chosen: 'topk_group' }, { count: 1, chosen: 1 }, sizes, 'best')
    : undefined;
  return { ...(groups && { groups }), ...(scale !== 1 && { scale }) };
}
