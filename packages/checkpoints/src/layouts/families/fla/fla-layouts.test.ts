import { isTesseraError } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { layoutOf } from '../../layout-of.ts';
import { publishedNames } from '../../rule-names.ts';
import { planTensors } from '../../tensors/plan-tensors.ts';
import { settleTies } from '../../tensors/settle-ties.ts';
import { flaLayouts } from './fla-layouts.ts';

const small = { hidden_size: 32, num_hidden_layers: 2, vocab_size: 16, intermediate_size: 24, num_heads: 2 };

type Fields = Readonly<Record<string, unknown>>;

function specOf(model_type: string, fields: Fields = {}): { spec: unknown; warnings: readonly string[] } {
  const config = { model_type, ...small, ...fields };
  return layoutOf(config, flaLayouts).toSpec(config);
}

/** Published names of the tensors of one layer's mixer in a new file. */
function namesOf(model_type: string, fields: Fields = {}, layer = 0): string[] {
  const config = { model_type, ...small, ...fields };
  const prefix = `model.layers.${layer}.attn.`;
  return layoutOf(config, flaLayouts)
    .rules(config)
    .flatMap(publishedNames)
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
}

function messageOf(model_type: string, fields: Fields): string {
  try {
    specOf(model_type, fields);
  } catch (error) {
    return isTesseraError(error) ? error.message : String(error);
  }
  return 'no error';
}

describe('what is not built, or cannot be, is refused by its field', () => {
  test.each<[string, Fields, string]>([
    ['linear_attn', { norm_feature_map: true }, "field 'norm_feature_map' is true; understood is false for this feature_map"], // prettier-ignore
    ['linear_attn', { feature_map: 'cosine' }, "field 'feature_map' is \"cosine\"; understood is 'elementwise_product', 'hedgehog'"], // prettier-ignore
    ['gla', { attnres_block_size: 2 }, "field 'attnres_block_size' is 2; understood is null."],
    ['gla', { hidden_act: 'powlu' }, "field 'hidden_act' is \"powlu\"; understood is 'swish'."],
    ['gla', { use_short_conv: true, share_conv_kernel: true }, "field 'share_conv_kernel' is true; understood is false or null."], // prettier-ignore
    ['gla', { num_kv_heads: 3 }, "field 'num_kv_heads' is 3, expected a divisor of num_heads = 2, not 3."],
    ['gla', { expand_k: 0.3 }, "field 'expand_k' is 0.3, expected a factor that makes a multiple of the 2 heads"],
    ['gla', { attn_mode: 'naive' }, "field 'attn_mode' is \"naive\"; understood is 'chunk', 'fused_recurrent', 'fused_chunk'."], // prettier-ignore
    [
      'retnet',
      { expand_k: 0.1875 },
      "field 'expand_k' is 0.1875, expected a factor that makes heads of an even size, not 3",
    ],
    [
      'gated_deltanet',
      { head_dim: 8, num_v_heads: 3 },
      "field 'num_v_heads' is 3, expected a multiple of num_heads = 2",
    ],
    ['gated_deltanet', { head_dim: 5, expand_v: 1.5 }, "field 'expand_v' is 1.5, expected a factor that makes a whole number of head_dim = 5, not 7.5."], // prettier-ignore
    ['kda', { head_dim: 8, safe_gate: true }, "field 'safe_gate' is true, expected false, since lower_bound is not set. Set lower_bound, for example to −5."], // prettier-ignore
    ['kda', { head_dim: 8, conv_bias: true }, "field 'conv_bias' is true, and this layout does not know the field"],
    ['kda', { attn: { layers: [2], num_heads: 2 } }, "field 'attn.layers' is [2], expected a list of layers from 0 up to 1."], // prettier-ignore
    ['kda', { attn: { layers: [0] } }, "field 'attn.num_heads' is missing, expected a number of heads."],
    ['kda', { attn: [{ layers: [1], num_heads: 2 }, { layers: [1], num_heads: 4 }] }, "field 'attn.1.layers' is [1], expected layers that are named once, and 1 is named twice."], // prettier-ignore
    ['kda', { attn: { layers: [0], num_heads: 2, rope_scaling: {} } }, "field 'attn.rope_scaling' is {}, and this layout does not know the field"], // prettier-ignore
    ['transformer', { num_heads: 3 }, "field 'num_heads' is 3, expected a number of heads into which hidden_size = 32 goes an even number of times"], // prettier-ignore
  ])('%s %j', (modelType, fields, message) => {
    expect(messageOf(modelType, fields)).toContain(message);
  });
});

test.each([
  [{ intermediate_size: null }, 256],
  [{ intermediate_size: null, hidden_size: 512 }, 1536],
  [{ intermediate_size: null, hidden_size: 512, hidden_ratio: 2 }, 768],
  [{ intermediate_size: null, hidden_size: 512, hidden_ratio: null }, 1536],
  [{ intermediate_size: 100 }, 100],
])('the width of the feed-forward follows from %j', (fields, hidden) => {
  const { spec } = specOf('gla', fields) as { spec: { layers: { feedForward: { config: { hidden: number } } }[] } };
  expect(spec.layers[0]!.feedForward.config.hidden).toBe(hidden);
});

test('the absent ratio of RetNet is 2', () => {
  const { spec } = specOf('retnet', { intermediate_size: undefined, hidden_size: 512 }) as { spec: { layers: { feedForward: { config: object } }[] } }; // prettier-ignore
  expect(spec.layers[0]!.feedForward.config).toEqual({ hidden: 768 });
});

test('the norm of the output has the name that goes with its gate, or no weight', () => {
  expect(namesOf('gla')).toContain('g_norm_swish_gate.weight');
  expect(namesOf('gla', { fuse_norm: false })).toContain('g_norm.weight');
  expect(namesOf('gla', { use_output_gate: false })).toContain('g_norm.weight');
  expect(namesOf('gla', { use_output_gate: false })).not.toContain('g_proj.weight');
  expect(namesOf('gla', { elementwise_affine: false }).filter((name) => name.includes('norm'))).toEqual([]);
  expect(namesOf('linear_attn', { elementwise_affine: null })).not.toContain('norm.weight');
});

test('layers that attend by softmax stand where they are named', () => {
  const attn = { layers: [1], num_heads: 4, num_kv_heads: 2, qkv_bias: true, window_size: 8 };
  expect(namesOf('kda', { head_dim: 8, attn })).toContain('f_proj.0.weight');
  expect(namesOf('kda', { head_dim: 8, attn: [attn] }, 1).toSorted()).toEqual(
    ['k', 'q', 'v']
      .flatMap((name) => [`${name}_proj.bias`, `${name}_proj.weight`])
      .concat('o_proj.weight')
      .toSorted(),
  );
});

test('what the published code does not read, and what training goes without, is said', () => {
  expect(specOf('retnet', { use_short_conv: true }).warnings.join()).toContain('there are no convolutions');
  expect(specOf('gla', { use_l2warp: true }).warnings.join()).toContain('training here goes without it');
  const attn = { layers: [0], num_heads: 2, qk_norm: true };
  expect(specOf('gla', { attn }).warnings.join()).toContain('queries and keys are not normalised');
  expect(specOf('gla', { norm_first: true, share_conv_kernel: true }).warnings).toEqual([]);
});

describe('one feature map for queries and keys', () => {
  const config = { model_type: 'linear_attn', ...small, feature_map: 't2r', tie_feature_map_qk: true };
  const layout = layoutOf(config, flaLayouts);
  const others = layout
    .rules(config)
    .flatMap(publishedNames)
    .filter((name) => !name.includes('feature_map'));
  const present = (roles: string): Map<string, readonly number[]> =>
    new Map(
      [
        ...others,
        ...[0, 1].flatMap((i) => [...roles].map((r) => `model.layers.${i}.attn.feature_map_${r}.layer.weight`)),
      ].map((name) => [name, [16, 16]]),
    );

  test.each(['q', 'k', 'qk'])('is read from the names of %s', (roles) => {
    const { ours } = planTensors(layout.rules(config, present(roles)), present(roles));
    expect([...ours.keys()].filter((name) => name.includes('map'))).toEqual(
      [0, 1].map((layer) => `layers.${layer}.mixer.q_map`),
    );
  });

  test('two that differ under both names are not one', async () => {
    const { rules, warnings } = await settleTies(
      layout.toSpec(config).spec,
      layout.rules(config, present('qk')),
      async (name) => ({ dtype: 'F32', shape: [1], bytes: Uint8Array.of(0, 0, name.includes('_k.') ? 1 : 0, 0) }),
    );
    expect(warnings.length).toBe(2);
    expect(rules.flatMap((rule) => (rule.kind === 'rename' ? rule.ours : []))).toContain('layers.0.mixer.k_map');
  });
});
