import type { SpecOptions } from '@tessera/plugin';
import { expect, test } from 'vitest';
import { layoutOf } from './layout-of.ts';

interface Reading {
  readonly rotary: Record<string, unknown> | undefined;
  readonly maxPositions: number;
  readonly warnings: readonly string[];
}

function read(fields: Record<string, unknown>, options: SpecOptions = {}, layer = 0): Reading {
  const config = { model_type: 'llama', hidden_size: 24, num_attention_heads: 2, num_hidden_layers: 2, ...fields };
  const { spec, warnings } = layoutOf(config).toSpec(config, options);
  const attention = spec.layers[layer]?.mixer?.config as { rotary?: Record<string, unknown> };
  return { rotary: attention.rotary, maxPositions: spec.maxPositions, warnings };
}

test('both generations of spellings mean the same', () => {
  const five = read({ rope_parameters: { rope_type: 'linear', factor: 2, rope_theta: 500 } });
  const four = read({ rope_theta: 500, rope_scaling: { type: 'linear', factor: 2 } });
  expect(five.rotary).toEqual({ theta: 500, scaling: { type: 'linear', factor: 2 } });
  expect(four).toEqual(five);
});

test('rope_scaling replaces rope_parameters', () => {
  const both = {
    rope_parameters: { rope_theta: 9, rope_type: 'default' },
    rope_scaling: { type: 'linear', factor: 2 },
  };
  expect(read(both).rotary).toEqual({ theta: 10_000, scaling: { type: 'linear', factor: 2 } });
});

test('yarn: factor, lengths and the attention factor follow the published rules', () => {
  const yarn = { rope_type: 'yarn', factor: null, original_max_position_embeddings: 64, beta_fast: 0, mscale: 2 };
  const { rotary } = read({ max_position_embeddings: 256, rope_scaling: yarn });
  expect(rotary).toEqual({
    theta: 10_000,
    scaling: { type: 'yarn', factor: 4, originalMaxPositions: 64, betaFast: 32, betaSlow: 1 },
    attentionFactor: 0.1 * Math.log(4) + 1,
  });
  const above = read({ original_max_position_embeddings: 128, rope_scaling: { ...yarn, factor: 3 } });
  expect(above.rotary?.['scaling']).toMatchObject({ factor: 3, originalMaxPositions: 128 });
});

test('dynamic is fixed at the declared length', () => {
  const fields = { max_position_embeddings: 16, rope_scaling: { rope_type: 'dynamic', factor: 4 } };
  expect(read(fields).rotary?.['scaling']).toEqual({ type: 'dynamic', factor: 4, maxPositions: 16, contextLength: 16 });
  const long = read(fields, { contextLength: 24 });
  expect(long.rotary?.['scaling']).toMatchObject({ contextLength: 24 });
  expect(long.maxPositions).toBe(24);
  expect(long.warnings).toEqual([
    "config.json (model_type 'llama'): max_position_embeddings is 16, fewer than the declared context of 24 positions.",
  ]);
});

test('longrope takes the factors of the declared length', () => {
  const fields = {
    model_type: 'phi3',
    num_attention_heads: 4,
    max_position_embeddings: 64,
    original_max_position_embeddings: 16,
    rope_scaling: { type: 'su', short_factor: [1, 2, 3], long_factor: [4, 5, 6] },
  };
  const short = read(fields);
  expect(short.rotary?.['scaling']).toEqual({ type: 'longrope', factors: [1, 2, 3] });
  expect(short.rotary?.['attentionFactor']).toBe(Math.sqrt(1 + Math.log(4) / Math.log(16)));
  expect(short.maxPositions).toBe(16);
  expect(short.warnings).toEqual([
    "config.json (model_type 'phi3'): max_position_embeddings is 64, and the frequencies of short contexts go up to 16 positions; declare a contextLength above that to use those of long ones.",
  ]);
  expect(read(fields, { contextLength: 16 })).toMatchObject({ maxPositions: 16, warnings: [] });
  const long = read(fields, { contextLength: 17 });
  expect(long.rotary?.['scaling']).toEqual({ type: 'longrope', factors: [4, 5, 6] });
  expect(long.maxPositions).toBe(64);
});

test('an odd number of rotated elements is the next even one with another base', () => {
  const { rotary } = read({ model_type: 'gpt_neox', rotary_pct: 0.25, rotary_emb_base: 100 });
  // int(12 · 0.25) = 3 elements: frequencies 1 and 100^(−2/3).
  expect(rotary?.['dims']).toBe(4);
  expect((rotary?.['theta'] as number) ** (-2 / 4)).toBeCloseTo(100 ** (-2 / 3), 12);
});

test('gemma has frequencies of its own in layers with a window', () => {
  const fields = {
    model_type: 'gemma3_text',
    num_key_value_heads: 2,
    head_dim: 8,
    layer_types: ['full_attention', 'sliding_attention'],
    rope_theta: 50_000,
    rope_local_base_freq: 100,
    rope_scaling: { rope_type: 'linear', factor: 4 },
  };
  expect(read(fields).rotary).toEqual({ theta: 50_000, scaling: { type: 'linear', factor: 4 } });
  expect(read(fields, {}, 1).rotary).toEqual({ theta: 100 });
  const parts = { full_attention: { rope_theta: 7, rope_type: 'default' } };
  expect(read({ ...fields, rope_parameters: parts }).rotary).toEqual({
    theta: 7,
    scaling: { type: 'linear', factor: 4 },
  });
  expect(() => read({ ...fields, rope_parameters: { rope_theta: 7 } })).toThrow(
    "field 'rope_parameters.rope_theta' is 7",
  );
});

test('a base of null turns rotation off in the hybrid only', () => {
  const hybrid = { model_type: 'olmo_hybrid', layer_types: ['full_attention', 'linear_attention'] };
  expect(read({ ...hybrid, rope_theta: null }).rotary).toBeUndefined();
  expect(read({ ...hybrid, rope_parameters: null }).rotary).toEqual({ theta: 10_000 });
  expect(() => read({ rope_parameters: { rope_theta: null } })).toThrow("field 'rope_parameters.rope_theta' is null");
});

test('a context length that is none is refused', () => {
  expect(() => read({}, { contextLength: 0 })).toThrow(
    'contextLength is 0, expected a whole number from 1 up to 2147483647.',
  );
  const gpt2 = { model_type: 'gpt2', n_positions: 32 };
  expect(() => layoutOf(gpt2).toSpec(gpt2, { contextLength: 33 })).toThrow(
    'contextLength is 33, and the model has a learned table of 32 positions (n_positions). Set at most 32.',
  );
});
