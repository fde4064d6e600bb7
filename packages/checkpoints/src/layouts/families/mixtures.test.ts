import type { PublishedConfig } from '@tessera/plugin';
import { expect, test } from 'vitest';
import { layoutOf } from '../layout-of.ts';

const small = { hidden_size: 24, num_attention_heads: 2, num_key_value_heads: 2, num_hidden_layers: 4, vocab_size: 48 };
const read = (config: PublishedConfig): ReturnType<ReturnType<typeof layoutOf>['toSpec']> =>
  layoutOf(config).toSpec({ ...small, ...config });

/** Layers that are mixtures. */
function sparseLayers(config: PublishedConfig): boolean[] {
  return read(config).spec.layers.map(({ feedForward }) => feedForward!.type.endsWith(':mixture'));
}

test.each<[string, PublishedConfig, boolean[]]>([
  ['all layers', { model_type: 'qwen3_next' }, [true, true, true, true]],
  ['every second one', { model_type: 'qwen3_next', decoder_sparse_step: 2 }, [false, true, false, true]],
  ['those that are not listed', { model_type: 'qwen3_next', mlp_only_layers: [0, 3] }, [false, true, true, false]],
  ['none', { model_type: 'qwen3_next', num_experts: 0 }, [false, false, false, false]],
  ['all but the first three', { model_type: 'deepseek_v3' }, [false, false, false, true]],
  ['all but none', { model_type: 'deepseek_v2' }, [true, true, true, true]],
  ['all but the first', { model_type: 'kimi_linear' }, [false, true, true, true]],
  [
    'as listed',
    { model_type: 'kimi_linear', mlp_layer_types: ['sparse', 'dense', 'dense', 'sparse'] },
    [true, false, false, true],
  ],
])('experts stand in %s', (_, config, expected) => {
  expect(sparseLayers(config)).toEqual(expected);
});

test('the loss of balance is one over all layers, where the config asks for it', () => {
  const [layer] = read({ model_type: 'minimax', output_router_logits: true, router_aux_loss_coef: 0.25 }).spec.layers;
  expect(layer!.feedForward!.config).toMatchObject({ balance: 0.25, balanceOver: 'stack' });
  const [silent] = read({ model_type: 'minimax', router_aux_loss_coef: 0.25 }).spec.layers;
  expect(silent!.feedForward!.config).not.toHaveProperty('balance');
});

test.each<[PublishedConfig, RegExp]>([
  [
    { model_type: 'qwen3_next', num_experts: 4, num_experts_per_tok: 5 },
    /field 'num_experts_per_tok' is 5, expected at most num_experts = 4, not 5/,
  ],
  [{ model_type: 'deepseek_v3', n_group: 3 }, /field 'n_group' is 3, expected a divisor of the 256 experts, not 3/],
  [{ model_type: 'deepseek_v3', topk_group: 9 }, /field 'topk_group' is 9, expected at most n_group = 8, not 9/],
  [
    { model_type: 'deepseek_v3', n_group: 256, topk_group: 9 },
    /field 'n_group' is 256, expected a number of groups with two experts or more/,
  ],
  [
    { model_type: 'deepseek_v3', n_group: 128, topk_group: 2 },
    /field 'topk_group' is 2, expected groups that hold the 8 experts of a token/,
  ],
  [
    { model_type: 'deepseek_v3', scoring_func: 'softmax' },
    /field 'scoring_func' is "softmax"; understood is "sigmoid"/,
  ],
  [{ model_type: 'deepseek_v3', topk_method: 'greedy' }, /field 'topk_method' is "greedy"; understood is "noaux_tc"/],
  [
    { model_type: 'deepseek_v2', topk_method: 'noaux_tc' },
    /field 'topk_method' is "noaux_tc"; understood is 'greedy', 'group_limited_greedy'/,
  ],
  [
    { model_type: 'deepseek_v2', topk_method: 'group_limited_greedy' },
    /field 'n_group' is missing, expected a whole number, since topk_method/,
  ],
  [
    { model_type: 'kimi_linear', linear_attn_config: { full_attn_layers: [1], kda_layers: [1, 2, 3, 4] } },
    /field 'linear_attn_config.full_attn_layers' is \[1\], expected layer 1 either here or in kda_layers/,
  ],
  [
    { model_type: 'kimi_linear', linear_attn_config: { zzz: 1 } },
    /field 'linear_attn_config.zzz' is 1, and this layout does not know the field/,
  ],
  [
    { model_type: 'minimax', layer_types: ['full_attention', 'linear_attention', 'sliding', 'full_attention'] },
    /field 'layer_types' is/,
  ],
])('%o is refused by its field', (config, message) => {
  expect(() => read(config)).toThrow(message);
});

test('fields that the published code does not use are told of', () => {
  expect(read({ model_type: 'deepseek_v2', norm_topk_prob: true }).warnings.join()).toMatch(
    /norm_topk_prob is true, which has no effect/,
  );
  expect(read({ model_type: 'deepseek_v3', moe_layer_freq: 2 }).warnings.join()).toMatch(
    /moe_layer_freq is 2, which has no effect/,
  );
  expect(read({ model_type: 'minimax', partial_rotary_factor: 0.5 }).warnings.join()).toMatch(
    /partial_rotary_factor is 0.5, which has no effect/,
  );
});

test('a share of rotated elements under a rule that scales is refused where the family has none', () => {
  const rope_parameters = { rope_type: 'linear', factor: 2, partial_rotary_factor: 0.5 };
  expect(() => read({ model_type: 'minimax', rope_parameters })).toThrow(
    /field 'rope_parameters.partial_rotary_factor' is 0.5; understood is 1 or null/,
  );
});

/** Routed experts of the last layer, and those of a token. */
function expertsOf(config: PublishedConfig): readonly unknown[] {
  const { experts, expertsPerToken } = read(config).spec.layers.at(-1)!.feedForward!.config as Record<string, unknown>;
  return [experts, expertsPerToken];
}

test.each<[PublishedConfig, readonly number[]]>([
  [{ model_type: 'deepseek_v2', num_experts: 12, n_routed_experts: 16 }, [12, 6]],
  [{ model_type: 'deepseek_v3', num_local_experts: 32, n_routed_experts: 16 }, [32, 8]],
  [{ model_type: 'kimi_linear', num_experts: 12, num_local_experts: 16, num_experts_per_token: 3 }, [12, 3]],
  [{ model_type: 'minimax', num_experts: 6, num_local_experts: 4 }, [6, 2]],
])('of two spellings of one field in %o, the one of published code counts', (config, expected) => {
  expect(expertsOf(config)).toEqual(expected);
});

test('a token whose groups hold fewer experts than it may take has those', () => {
  const groups = { topk_method: 'group_limited_greedy', n_group: 4, topk_group: 1, n_routed_experts: 8 };
  expect(expertsOf({ model_type: 'deepseek_v2', ...groups, num_experts_per_tok: 3 })).toEqual([8, 2]);
});

test('sizes of linear layers count where their own record says nothing, and the record counts above them', () => {
  const fields = { linear_num_heads: 3, linear_head_dim: 5, linear_conv_kernel_dim: 2, hidden_act: 'gelu' };
  const linear_attn_config = { num_heads: 4, head_dim: 6 };
  const [layer] = read({ model_type: 'kimi_linear', ...fields, linear_attn_config }).spec.layers;
  expect(layer!.mixer!.config).toMatchObject({
    keyHeads: 4,
    keyDim: 6,
    convolution: 2,
    convolutionActivation: 'gelu',
  });
});
