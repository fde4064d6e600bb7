import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { chat } from '../examples/chat.ts';
import { stream } from '../examples/stream.ts';
import { tokenize } from '../examples/tokenize.ts';
import { createTokenizer } from './tokenizer/create-tokenizer.ts';
import { byteLevelBpe } from './tokenizer-fixtures.test-data.ts';

const read = (name: string): Promise<string> =>
  readFile(new URL(`../../../apps/models/llama-4m/${name}`, import.meta.url), 'utf8');

test('the tokenize example runs', async () => {
  const { asText, asToken, decoded } = tokenize(await read('tokenizer.json'), await read('tokenizer_config.json'));
  expect(asText).not.toContain(0);
  expect(asToken.at(-1)).toBe(0);
  expect(decoded).toBe('The end.<|endoftext|>');
});

test('the stream example runs', async () => {
  const { greedy } = JSON.parse(await read('meta.json')) as { greedy: { ids: number[]; text: string } };
  let shown = '';
  stream(createTokenizer({ tokenizerJson: await read('tokenizer.json') }), greedy.ids, (text) => {
    shown += text;
  });
  expect(shown).toBe(greedy.text.slice(0, greedy.text.indexOf('\nROMEO:')));
});

test('the chat example runs', async () => {
  const chat_template =
    '{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{% endfor %}<|im_start|>assistant\n';
  const tokenizer = createTokenizer({ tokenizerJson: byteLevelBpe() });
  const ids = await chat(tokenizer, JSON.stringify({ chat_template }));
  expect(ids.filter((id) => id === tokenizer.tokenToId('<|im_end|>'))).toHaveLength(1);
});

test.each(['tokenize', 'stream', 'chat'])('the README shows the %s example as it is', async (name) => {
  const source = await readFile(new URL(`../examples/${name}.ts`, import.meta.url), 'utf8');
  const region = /#region \w+\n([\s\S]*?)\n *\/\/ #endregion/.exec(source)?.[1]?.replace(/^ {2}/gm, '');
  expect(await readFile(new URL('../README.md', import.meta.url), 'utf8')).toContain(`\`\`\`ts\n${region}\n\`\`\``);
});
