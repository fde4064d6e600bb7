import type { Model } from '@tessera/assembler';
import { softmaxAttention } from '@tessera/attention-softmax';
import type { Tokenizer } from '@tessera/text';
import { expect, test } from 'vitest';
import { speculative } from '../speculative.ts';
import { V, assembler, modelOf, stacks } from '../stacks.test-support.ts';
import { draftModel } from './draft-model.ts';
import { checkSameTokens } from './same-tokens.ts';

const prompt = [1, 2, 3];

/** A model as far as its tokens go. */
function tokensOf(vocabSize: number, tokens?: readonly string[]): Model {
  const tokenizer = tokens && ({ vocabSize: tokens.length, idToToken: (id) => tokens[id] } as Partial<Tokenizer>);
  return { spec: { vocabSize }, ...(tokenizer && { text: { tokenizer } }) } as unknown as Model;
}

test('a draft model with other tokens is refused, naming the first that differs', () => {
  expect(() => checkSameTokens(tokensOf(8, ['a', 'b']), tokensOf(8, ['a', 'c']))).toThrow(
    `The draft model does not read the target's tokens: id 1 is "c" to it, and "b" to the target. Take a draft model with the same tokenizer.`,
  );
  expect(() => checkSameTokens(tokensOf(8, ['a']), tokensOf(8, ['a', 'c']))).toThrow(
    'id 1 is "c" to it, and no token to the target',
  );
  expect(() => checkSameTokens(tokensOf(8), tokensOf(9))).toThrow("its vocabulary has 9 ids, the target's 8");
  checkSameTokens(tokensOf(8, ['a', 'b']), tokensOf(16, ['a', 'b'])); // rows of padding
});

test('and so is a generation with it', async () => {
  await using target = await modelOf(stacks[0]![1]);
  await using other = await assembler.assemble(
    { vocabSize: V + 1, dModel: 4, maxPositions: 96, layers: [{ mixer: softmaxAttention({ heads: 1 }) }] },
    { device: 'cpu' },
  );
  await expect(target.generate(prompt, { decoder: speculative({ draft: draftModel(other) }) })).rejects.toMatchObject({
    code: 'UNSUPPORTED_OPTION',
  });
});

test('a draft model with a shorter context proposes as long as it has room', async () => {
  await using target = await modelOf(stacks[0]![1]);
  await using short = await assembler.assemble(
    { vocabSize: V, dModel: 4, maxPositions: 12, layers: [{ mixer: softmaxAttention({ heads: 1 }) }] },
    { device: 'cpu' },
  );
  const plain = await target.generate(prompt, { maxNewTokens: 40 });
  const decoder = speculative({ draft: draftModel(short), adaptive: false });
  const made = await target.generate(prompt, { maxNewTokens: 40, decoder });
  expect(made.newTokenIds).toEqual(plain.newTokenIds);
  expect(made.speculation!.drafted).toBeGreaterThan(0);
});

test('its memory is given back', async () => {
  await using target = await modelOf(stacks[0]![1]);
  await using draft = await modelOf(stacks[3]![1]);
  const before = [target.device.allocatedBytes, draft.device.allocatedBytes];
  await target.generate(prompt, { maxNewTokens: 20, decoder: speculative({ draft: draftModel(draft) }) });
  expect([target.device.allocatedBytes, draft.device.allocatedBytes]).toEqual(before);
});
