import { expect, test } from 'vitest';
import { ConfigReader } from './config-reader.ts';
import { readLatentRotary, readLatentSizes } from './latent-attention-fields.ts';
import { latentAttentionPart } from './parts/latent-attention-part.ts';
import { publishedNames } from './rule-names.ts';

const sizes = {
  num_attention_heads: 4,
  q_lora_rank: 48,
  kv_lora_rank: 32,
  qk_nope_head_dim: 16,
  qk_rope_head_dim: 8,
  v_head_dim: 12,
};
const defaults = { heads: 128, queryRank: 1536, latentDim: 512, headDim: 128, valueDim: 128, rotaryDim: 64 };
const family = { maxPositions: 4096, order: 'interleaved' } as const;

function settingsOf(config: object): Parameters<typeof latentAttentionPart>[0] {
  const reader = new ConfigReader({ ...sizes, ...config }, 'deepseek_v3');
  const latent = readLatentSizes(reader, 64, defaults);
  const { limit: _, ...rotary } = readLatentRotary(reader, latent, family);
  reader.finish();
  return { ...latent, ...rotary };
}

const namesOf = (config: object): string[] =>
  latentAttentionPart(settingsOf(config))
    .rules(() => undefined)
    .flatMap(publishedNames);

test('a rank of null is the queries at once, an absent one the default', () => {
  expect(settingsOf({ q_lora_rank: null }).queryRank).toBeUndefined();
  expect(settingsOf({ q_lora_rank: undefined }).queryRank).toBe(1536);
  expect(namesOf({ q_lora_rank: null })).toEqual([
    'q_proj.weight',
    'kv_a_proj_with_mqa.weight',
    'kv_a_layernorm.weight',
    'kv_b_proj.weight',
    'o_proj.weight',
  ]);
});

test('biases are those of the maps down and of the output', () => {
  expect(namesOf({ attention_bias: true })).toEqual([
    'q_a_proj.weight',
    'q_a_proj.bias',
    'q_a_layernorm.weight',
    'q_b_proj.weight',
    'kv_a_proj_with_mqa.weight',
    'kv_a_proj_with_mqa.bias',
    'kv_a_layernorm.weight',
    'kv_b_proj.weight',
    'o_proj.weight',
    'o_proj.bias',
  ]);
});

test('keys and values of a head lie one after another', () => {
  const rule = latentAttentionPart(settingsOf({}))
    .rules(() => undefined)
    .find(({ kind }) => kind === 'regroup');
  expect(rule).toEqual({
    kind: 'regroup',
    published: ['kv_b_proj.weight'],
    rows: [112],
    ours: ['k_b_proj', 'v_b_proj'],
    sizes: [16, 12],
    blocks: 4,
  });
});

test('mscale_all_dim makes the dot products larger, under either spelling of the rule', () => {
  const yarn = {
    factor: 40,
    beta_fast: 32,
    beta_slow: 1,
    mscale: 0.707,
    mscale_all_dim: 0.5,
    original_max_position_embeddings: 4096,
  };
  const grown = 0.1 * 0.5 * Math.log(40) + 1;
  const scale = 24 ** -0.5 * grown ** 2;
  const read = settingsOf({ rope_scaling: { type: 'yarn', ...yarn }, rope_theta: 10_000 });
  expect(read.scale).toBe(scale);
  expect(read.rotary).toMatchObject({ order: 'interleaved', scaling: { type: 'yarn', factor: 40 } });
  expect(read.rotary?.attentionFactor).toBeCloseTo((0.1 * 0.707 * Math.log(40) + 1) / grown, 12);
  expect(settingsOf({ rope_parameters: { rope_type: 'yarn', rope_theta: 10_000, ...yarn } })).toEqual(read);
  expect(settingsOf({ rope_scaling: { type: 'yarn', ...yarn, mscale_all_dim: 0 } }).scale).toBeUndefined();
  expect(settingsOf({ rope_parameters: { rope_type: 'default', mscale_all_dim: 1 } }).scale).toBeUndefined();
});

test('fewer key heads than heads, and an odd shared key, are refused by their fields', () => {
  expect(() => settingsOf({ num_key_value_heads: 2 })).toThrow(
    'config.json (model_type "deepseek_v3"): field \'num_key_value_heads\' is 2; understood is 4',
  );
  expect(() => settingsOf({ qk_rope_head_dim: 7 })).toThrow('over an even number of elements of a head, not 7 of 7');
});

test('fewer key heads that are repeated once are as many as heads', () => {
  expect(settingsOf({ num_key_value_heads: 3 }).heads).toBe(4);
});

test('settings that are the default are left out of the spec', () => {
  expect(latentAttentionPart({ ...settingsOf({}), rotary: undefined }).spec).toEqual({
    type: '@tessera/attention-latent:multi-head-latent-attention',
    config: { heads: 4, queryRank: 48, latentDim: 32, headDim: 16, rotaryDim: 8, valueDim: 12 },
  });
});
