import { expect, test } from 'vitest';
import { layoutOf } from './layout-of.ts';

function paddingId(modelType: string, config: object = {}): number | undefined {
  const whole = { ...config, model_type: modelType };
  return layoutOf(whole).toSpec(whole).spec.embedding?.paddingId;
}

test.each([
  ['llama', undefined],
  ['qwen2', undefined],
  ['gemma3_text', 0],
  ['lfm2', 0],
  ['olmo2', 1],
  ['olmo_hybrid', 100_277],
  ['phi3', 32_000],
  ['smollm3', 128_004],
])('%s pads with %s unless it says so', (modelType, id) => {
  expect(paddingId(modelType)).toBe(id);
  expect(paddingId(modelType, { pad_token_id: null })).toBe(undefined);
  expect(paddingId(modelType, { pad_token_id: 3 })).toBe(3);
});

test('an id is counted from the end where it is negative, and outside of the vocabulary it is none', () => {
  expect(paddingId('llama', { vocab_size: 48, pad_token_id: -1 })).toBe(47);
  expect(paddingId('llama', { vocab_size: 48, pad_token_id: -49 })).toBe(undefined);
  expect(paddingId('phi3', { vocab_size: 48 })).toBe(undefined);
});

test.each(['gpt2', 'gpt_neox'])('%s trains the row of its padding as any other', (modelType) => {
  expect(paddingId(modelType, { pad_token_id: 3 })).toBe(undefined);
});
