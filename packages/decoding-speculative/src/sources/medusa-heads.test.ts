import type { GenerateOptions, Model } from '@tessera/assembler';
import { afterAll, describe, expect, test } from 'vitest';
import { acceptDraft } from '../acceptance/accept-draft.ts';
import { BesideDevice } from '../beside-device.test-support.ts';
import { createMedusaHeads } from '../heads/create-heads.ts';
import type { MedusaHeads } from '../heads/medusa-heads.ts';
import { randomHeads, train } from '../heads/heads.test-support.ts';
import { Rounds } from '../rounds.ts';
import { speculative } from '../speculative.ts';
import { V, modelOf, stacks } from '../stacks.test-support.ts';
import type { MedusaHeadsSourceOptions } from './medusa-heads.ts';
import { medusaHeads } from './medusa-heads.ts';

const prompt = [3, 1, 4, 1, 5, 9, 2, 6];
const held: Model[] = [];
const hold = async (model: Promise<Model>): Promise<Model> => {
  held.push(await model);
  return model;
};
afterAll(() => Promise.all(held.map((model) => model.dispose())));

const forms: readonly [string, MedusaHeadsSourceOptions][] = [
  ['a chain', { tree: 'chain' }],
  ['a tree', { tree: [[0], [1], [0, 0], [2], [0, 1], [1, 2], [0, 0, 0]] }],
];

const wanted: readonly [string, GenerateOptions][] = [
  ['greedy', {}],
  ['of a seed', { temperature: 1.1, topK: 12, topP: 0.95, seed: 7 }],
  ['with penalties', { repetitionPenalty: 1.3, frequencyPenalty: 0.4, minNewTokens: 8, stopTokenIds: [1, 2, 3, 4, 5] }],
];

describe.each(stacks)('texts of a stack of %s', (_, mixers) => {
  const target = hold(modelOf(mixers));

  test.each(wanted)('are those of plain decoding: %s', async (__, given) => {
    const model = await target;
    const options = { maxNewTokens: 24, ...given };
    const plain = await model.generate(prompt, options);
    // New heads say the next token again; random ones say anything.
    using first = await createMedusaHeads(model);
    using second = await randomHeads(model, { ownOutput: true });
    for (const heads of [first, second])
      for (const [, form] of forms)
        for (const adaptive of [true, false]) {
          const decoder = speculative({ draft: medusaHeads(heads, form), adaptive });
          const { newTokenIds, stoppedBy, speculation } = await model.generate(prompt, { ...options, decoder });
          expect({ newTokenIds, stoppedBy }).toEqual({ newTokenIds: plain.newTokenIds, stoppedBy: plain.stoppedBy });
          expect(speculation!.drafted).toBeGreaterThanOrEqual(adaptive ? 0 : 1);
        }
  });
});

/** Heads that know a text. */
async function headsThatKnow(model: Model, text: readonly number[]): Promise<MedusaHeads> {
  const heads = await createMedusaHeads(model, { ownOutput: true, blocks: 2 });
  await train(heads, [text], 150);
  return heads;
}

describe('heads that have learned a text', () => {
  const target = hold(modelOf(stacks[5]![1]));

  test('so they do where a device proposes and verifies by itself', async () => {
    const model = await hold(modelOf(stacks[5]![1], 3, { device: new BesideDevice() }));
    const options = { maxNewTokens: 40 };
    const plain = await model.generate(prompt, options);
    using heads = await headsThatKnow(model, plain.tokenIds);
    const decoder = speculative({ draft: medusaHeads(heads), adaptive: false });
    const held = model.device.allocatedBytes;
    const { newTokenIds, speculation } = await model.generate(prompt, { ...options, decoder });
    expect(newTokenIds).toEqual(plain.newTokenIds);
    // Of the round that is under way when the text ends nothing is kept.
    expect(speculation!.rounds).toBeLessThanOrEqual(13);
    expect(speculation!.rounds + speculation!.accepted).toBe(40);
    expect(model.device.allocatedBytes).toBe(held);
  });

  test.each(forms)('give three tokens a round beside the one that is certain: %s', async (_, form) => {
    const model = await target;
    const options = { maxNewTokens: 40 };
    const plain = await model.generate(prompt, options);
    using heads = await headsThatKnow(model, plain.tokenIds);
    const decoder = speculative({ draft: medusaHeads(heads, form), adaptive: false });
    const { newTokenIds, speculation } = await model.generate(prompt, { ...options, decoder });
    expect(newTokenIds).toEqual(plain.newTokenIds);
    // The first round has no draft; then four tokens each, and at the end fewer.
    expect(speculation!.rounds).toBeLessThanOrEqual(13);
    expect(speculation!.rounds + speculation!.accepted).toBe(40);
  });
});

test('rows of a batch guess each by its own, and memory is given back', async () => {
  const model = await hold(modelOf(stacks[0]![1]));
  using heads = await createMedusaHeads(model);
  const before = model.device.allocatedBytes;
  const texts = [prompt, [2, 7], [1, 6, 1, 8]];
  const rows = texts.map((text, row) => ({
    prompt: text, generated: [] as number[], sampling: {}, row, limit: [20, 5, 14][row]!,
  })); // prettier-ignore
  const session = await model.session({ batch: 3, capacity: 64 });
  await session.read(texts.map((text) => text.slice(0, -1)));
  const draft = medusaHeads(heads, { tree: [[0], [1], [0, 0], [0, 0, 0]] });
  const source = await draft.open({ target: model, rows, capacity: 64 });
  const call = { target: model, session, rows, source, sourceName: 'heads', accept: acceptDraft, longest: 3 };
  const rounds = new Rounds({ ...call, cost: undefined, hidden: true });
  while (!rows.every((__, b) => rounds.isDone(b))) await rounds.round();
  expect(rounds.drafts.drafted).toBeGreaterThan(0);
  for (const [b, text] of texts.entries()) {
    const { newTokenIds } = await model.generate(text, { maxNewTokens: rows[b]!.limit });
    expect(rows[b]!.generated).toEqual(newTokenIds);
  }
  // Who does not hand on what the output matrix read is told so.
  const deaf = new Rounds({ ...call, rows: rows.map((row) => ({ ...row, limit: 30 })), cost: undefined });
  await expect(deaf.round()).rejects.toThrow('nothing came of what the output matrix read');
  source[Symbol.dispose]!();
  session.dispose();
  expect(model.device.allocatedBytes).toBeLessThanOrEqual(before);
});

test('heads of another model, and trees that are none, are refused', async () => {
  const model = await hold(modelOf(stacks[0]![1]));
  const other = await hold(modelOf(stacks[0]![1], 4));
  using heads = await createMedusaHeads(model);
  const decoder = speculative({ draft: medusaHeads(heads) });
  await expect(other.generate(prompt, { decoder })).rejects.toThrow('the heads belong to another model');
  expect(() => medusaHeads(heads, { tree: [[V]] })).toThrow(`expected ranks from 0 to ${V - 1}`);
});
