import { memorySink } from '@tessera/checkpoints';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Model } from '../model/model.ts';
import { assembler, filesOf, hybridModel, hybridSpec, llamaDirectory } from '../test-models.test-data.ts';
import type { GenerateOptions } from './options.ts';
import type { Prompt } from './prompt.ts';

let hybrid: Model;
let llama: Model;
beforeAll(async () => {
  hybrid = await hybridModel();
  llama = await assembler.load(llamaDirectory, { device: 'cpu' });
});
afterAll(async () => {
  await hybrid.dispose();
  await llama.dispose();
});

const known =
  'maxNewTokens, stop, stopTokenIds, ignoreEos, logprobs, parseSpecial, addSpecialTokens, decoder, signal, temperature, topK, topP, minP, typicalP, repetitionPenalty';

test.each<[string, object, string]>([
  [
    'an option that does not exist',
    { maxTokens: 5 },
    `generate: 'maxTokens' is not an option that is honoured. Known are ${known}`,
  ],
  [
    'an option that is not honoured yet',
    { speculative: true },
    "generate: 'speculative' is not an option that is honoured.",
  ],
  [
    'a number of tokens below 0',
    { maxNewTokens: -1 },
    'generate: maxNewTokens is -1, expected a whole number from 0. Give such a value, or leave maxNewTokens out.',
  ],
  ['half a log-probability', { logprobs: 0.5 }, 'generate: logprobs is 0.5, expected a whole number from 0.'],
  [
    'an empty stop text',
    { stop: ['a', ''] },
    'generate: stop is ["a",""], expected a text or a list of texts, none of them empty.',
  ],
  [
    'stop ids that are texts',
    { stopTokenIds: ['a'] },
    'generate: stopTokenIds is ["a"], expected a list of token ids.',
  ],
  [
    'a stop id that no token has',
    { stopTokenIds: [40] },
    'stopTokenIds: token 0 has id 40, and the vocabulary has ids 0 to 39.',
  ],
  ['a question that is no yes or no', { ignoreEos: 1 }, 'generate: ignoreEos is 1, expected true or false.'],
  ['a signal that is none', { signal: {} }, 'generate: signal is {}, expected an AbortSignal.'],
  [
    'a temperature below 0',
    { temperature: -1 },
    'sampling options: temperature is -1, expected a finite number from 0.',
  ],
  [
    'stop texts without a tokenizer',
    { stop: 'end' },
    'generate: stop texts need a tokenizer, which the checkpoint does not have. Use stopTokenIds.',
  ],
  [
    'text parsing of ids',
    { parseSpecial: true },
    'generate: parseSpecial is for prompts that are plain text; token ids are taken as they are. Leave it out.',
  ],
  [
    'more tokens than the context holds',
    { maxNewTokens: 256 },
    'The prompt has 2 tokens and 256 new ones are asked for; the context holds 256.',
  ],
])('%s is refused', async (_, options, message) => {
  await expect(hybrid.generate([1, 2], options as GenerateOptions)).rejects.toThrow(message);
});

test('an option that is undefined counts as left out', async () => {
  const { newTokenIds } = await hybrid.generate([1, 2], {
    maxNewTokens: 2,
    stop: undefined,
    seed: undefined,
    signal: undefined,
  });
  expect(newTokenIds).toHaveLength(2);
});

test.each<[string, Prompt, string]>([
  ['no tokens', [], 'The prompt has no tokens. Give at least one, for example the beginning-of-sequence token.'],
  ['an id outside the vocabulary', [1, 40], 'prompt: token 1 has id 40, and the vocabulary has ids 0 to 39.'],
  ['text without a tokenizer', 'hello', 'The checkpoint has no tokenizer.json, so the prompt must be token ids.'],
  ['messages without a tokenizer', [{ role: 'user', content: 'hello' }], 'The checkpoint has no tokenizer.json'],
])('a prompt of %s is refused', async (_, prompt, message) => {
  await expect(hybrid.generate(prompt)).rejects.toThrow(message);
});

test('messages need a chat template, and are then what the template writes', async () => {
  const messages = [{ role: 'user', content: 'ROMEO' }];
  await expect(llama.generate(messages)).rejects.toThrow(
    'The checkpoint has no chat template, so it cannot take messages. Use generate with a plain text prompt.',
  );
  await expect(llama.generate('')).rejects.toThrow('The prompt has no tokens.');
  const template = '{% for m in messages %}{{ m.content }}:\n{% endfor %}';
  await using chat = await assembler.load({ ...filesOf(llamaDirectory), 'chat_template.jinja': template });
  const answer = await chat.generate(messages, { maxNewTokens: 3 });
  expect(answer.tokenIds).toEqual((await llama.generate('ROMEO:\n', { maxNewTokens: 3 })).tokenIds);
  await expect(chat.generate(messages, { addSpecialTokens: true })).rejects.toThrow(
    'generate: addSpecialTokens is for prompts that are plain text; the chat template says where special tokens stand.',
  );
});

test('weights that are not a number are an error that names the step', async () => {
  const sink = memorySink();
  await hybrid.save(sink);
  const files = Object.fromEntries(sink.files);
  // Whatever tensor is last, its last number becomes NaN.
  files['model.safetensors']!.fill(0xff, -4);
  await using broken = await assembler.load(files);
  await expect(broken.generate([1, 2])).rejects.toMatchObject({ code: 'NUMERICAL' });
  await expect(broken.generate([1, 2])).rejects.toThrow(
    /^step 0: the logit of token \d+ from the model is NaN, expected/,
  );
});

test('a model of no layers generates too', async () => {
  await using model = await assembler.assemble({ ...hybridSpec, layers: [] });
  expect((await model.generate([1], { maxNewTokens: 3 })).newTokenIds).toHaveLength(3);
});
