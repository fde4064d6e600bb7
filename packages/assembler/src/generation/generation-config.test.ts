import { expect, test } from 'vitest';
import { assembler, filesOf, llamaDirectory } from '../test-models.test-data.ts';
import type { Model } from '../model/model.ts';
import { endIds, maxLengthOfConfig, optionsOfConfig } from './generation-config.ts';

test('what a file asks for becomes options; sampling ones count only when it samples', () => {
  const config = { temperature: 0.6, top_p: 0.9, top_k: 20, repetition_penalty: 1.1, max_new_tokens: 7 };
  expect(optionsOfConfig(config)).toEqual({ repetitionPenalty: 1.1, maxNewTokens: 7 });
  expect(optionsOfConfig({ ...config, do_sample: true })).toEqual({
    temperature: 0.6,
    topP: 0.9,
    topK: 20,
    repetitionPenalty: 1.1,
    maxNewTokens: 7,
  });
  expect(optionsOfConfig({ do_sample: true })).toEqual({ temperature: 1, topK: 50 });
  expect(
    optionsOfConfig({ stop_strings: ['\n'], suppress_tokens: [3], min_new_tokens: 2, no_repeat_ngram_size: 3 }),
  ).toEqual({
    stop: ['\n'],
    suppressTokenIds: [3],
    minNewTokens: 2,
    noRepeatNgramSize: 3,
  });
  expect(optionsOfConfig(undefined)).toEqual({});
  expect(optionsOfConfig({ top_k: null, use_cache: true, num_beams: 1, transformers_version: '5.17.0' })).toEqual({});
});

test('every field that is not honoured is listed', () => {
  expect(() => optionsOfConfig({ num_beams: 4, use_cache: true, penalty_alpha: 0.6 })).toThrow(
    'generation_config.json asks for num_beams = 4, penalty_alpha = 0.6, which are not honoured. Remove them from the file.',
  );
  expect(() => optionsOfConfig({ guidance_scale: 2 })).toThrow(
    'generation_config.json asks for guidance_scale = 2, which is not honoured. Remove it from the file.',
  );
});

test.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])(
  'a field called %s is a field like any other',
  (name) => {
    const config = JSON.parse(`{ "${name}": [1] }`) as Record<string, unknown>;
    expect(() => optionsOfConfig(config)).toThrow(
      `generation_config.json asks for ${name} = [1], which is not honoured.`,
    );
  },
);

test.each<[object, string]>([
  [
    { max_new_tokens: 'many' },
    'generation_config.json: generate: maxNewTokens is "many", expected a whole number from 0.',
  ],
  [
    { do_sample: true, temperature: -1 },
    'generation_config.json: sampling options: temperature is -1, expected a finite number from 0.',
  ],
  [{ stop_strings: [''] }, 'generation_config.json: generate: stop is [""], expected a text'],
])('a value out of its range is refused: %o', (config, message) => {
  expect(() => optionsOfConfig(config as Record<string, unknown>)).toThrow(message);
});

test('ids that end a text: one, a list, none, of either file', () => {
  expect(endIds({ eos_token_id: 2 }, { eos_token_id: 5 })).toEqual([2]);
  expect(endIds({ eos_token_id: [1, 106] }, undefined)).toEqual([1, 106]);
  expect(endIds({ eos_token_id: null }, { eos_token_id: 5 })).toEqual([]);
  expect(endIds({}, { eos_token_id: 5 })).toEqual([5]);
  expect(endIds(undefined, undefined)).toEqual([]);
  expect(() => endIds({ eos_token_id: '</s>' }, undefined)).toThrow(
    'generation_config.json: eos_token_id is "</s>", expected a token id or a list of them.',
  );
  expect(() => endIds(undefined, { eos_token_id: [1, null] })).toThrow(
    'config.json: eos_token_id is [1,null], expected',
  );
});

test('max_length is a length of prompt and text together', () => {
  expect(maxLengthOfConfig({ max_length: 20 })).toBe(20);
  expect(maxLengthOfConfig({ max_length: null })).toBeUndefined();
  expect(() => maxLengthOfConfig({ max_length: 0.5 })).toThrow(
    'generation_config.json: max_length is 0.5, expected a whole number from 1.',
  );
});

const prompt = [1878, 26, 199]; // "ROMEO:\n"
const files = filesOf(llamaDirectory);

function loadWith(config: object): Promise<Model> {
  return assembler.load({ ...files, 'generation_config.json': JSON.stringify(config) });
}

test('a model follows its file, and the caller wins over it', async () => {
  await using sampled = await loadWith({ do_sample: true, temperature: 0.8, top_k: 50, max_new_tokens: 6 });
  await using plain = await loadWith({});
  const { newTokenIds } = await sampled.generate(prompt, { seed: 3 });
  expect(newTokenIds).toHaveLength(6);
  const given = { temperature: 0.8, topK: 50, maxNewTokens: 6, seed: 3 };
  expect((await plain.generate(prompt, given)).newTokenIds).toEqual(newTokenIds);
  const greedy = await sampled.generate(prompt, { temperature: 0, maxNewTokens: 4 });
  expect(greedy.newTokenIds).toEqual((await plain.generate(prompt, { maxNewTokens: 4 })).newTokenIds);
});

test('a model ends at any of its ids, unless it is told to go on', async () => {
  await using model = await loadWith({ eos_token_id: [0, 12, 9999] });
  const ended = await model.generate(prompt, { maxNewTokens: 8 });
  expect(ended).toMatchObject({ finishReason: 'stop', stoppedBy: 12, text: 'O' });
  const gone = await model.generate(prompt, { maxNewTokens: 8, ignoreEos: true });
  expect(gone).toMatchObject({ finishReason: 'length' });
  expect(gone.newTokenIds).toHaveLength(8);
  // An id that no token has cannot be held back either.
  const longer = await model.generate(prompt, { maxNewTokens: 8, minNewTokens: 4 });
  expect(longer.newTokenIds.slice(0, 4)).not.toContain(12);
});

test('a model keeps to max_length, unless it is told how many tokens', async () => {
  await using model = await loadWith({ max_length: 7 });
  expect((await model.generate(prompt)).newTokenIds).toHaveLength(4);
  expect((await model.generate(prompt, { maxNewTokens: 6 })).newTokenIds).toHaveLength(6);
  await expect(model.generate([...prompt, ...prompt, ...prompt])).rejects.toThrow(
    'The prompt has 9 tokens, and generation_config.json ends texts at max_length = 7. Set maxNewTokens.',
  );
});

test('a model whose file asks for what is not honoured loads and scores, and does not generate', async () => {
  await using model = await loadWith({ num_beams: 4 });
  expect(await model.lossOf([prompt])).toHaveLength(2);
  await expect(model.generate(prompt)).rejects.toThrow('generation_config.json asks for num_beams = 4');
});
