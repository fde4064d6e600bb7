import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { createTokenizer } from './create-tokenizer.ts';

const directory = new URL('../../../../apps/models/llama-4m/', import.meta.url);
const read = (name: string): Promise<string> => readFile(new URL(name, directory), 'utf8');

async function demo() {
  return createTokenizer({
    tokenizerJson: await read('tokenizer.json'),
    tokenizerConfig: await read('tokenizer_config.json'),
  });
}

test('the demo model’s prompt and text come out as its reference has them', async () => {
  const tokenizer = await demo();
  const { greedy } = JSON.parse(await read('meta.json')) as { greedy: { prompt: string; ids: number[]; text: string } };
  const prompt = tokenizer.encode(greedy.prompt);
  expect(prompt).toEqual([1878, 26, 199]);
  expect(greedy.ids.slice(0, prompt.length)).toEqual(prompt);
  expect(tokenizer.decode(greedy.ids)).toBe(greedy.text);
  expect(tokenizer.encode(greedy.text)).toEqual(greedy.ids);
});

test('the facts of the configuration are at hand', async () => {
  const tokenizer = await demo();
  expect(tokenizer.vocabSize).toBe(2048);
  expect([tokenizer.bosId, tokenizer.eosId, tokenizer.padId]).toEqual([0, 0, undefined]);
  expect(tokenizer.modelMaxLength).toBe(512);
  expect([...tokenizer.specialIds]).toEqual([0]);
  expect(tokenizer.tokenToId('<|endoftext|>')).toBe(0);
  expect(tokenizer.idToToken(0)).toBe('<|endoftext|>');
  expect(tokenizer.idToToken(99_999)).toBeUndefined();
});

test('text that spells a special token stays text unless special tokens are asked for', async () => {
  const tokenizer = await demo();
  const text = 'a<|endoftext|>b';
  expect(tokenizer.encode(text)).not.toContain(0);
  expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  const parsed = tokenizer.encode(text, { parseSpecial: true });
  expect(parsed.filter((id) => id === 0)).toHaveLength(1);
  expect(tokenizer.decode(parsed)).toBe('ab');
  expect(tokenizer.decode(parsed, { skipSpecialTokens: false })).toBe(text);
});
