import type { Model } from '@tessera/assembler';
import { describe, expect, test } from 'vitest';
import { depthsOf } from './acceptance/draft.ts';
import { expectPrefill, largestDifference, openRounds, rowsOf } from './rounds.test-support.ts';
import { draftModel } from './sources/draft-model.ts';
import { promptLookup } from './sources/prompt-lookup.ts';
import { V, allKinds, modelOf, randomSource, randomTrees, sourceOf, stacks } from './stacks.test-support.ts';

const prompt = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3];
const kinds = [...stacks, ['every kind of memory', allKinds] as const];

/** Two roots, siblings, and a path that is longer than a group, a window and every convolution. */
const parents = [-1, 0, 0, 1, -1, 3, 5, 6, 2, 7, 9];
const tokens = [3, 8, 4, 1, 8, 0, 2, 9, 6, 4, 1];

function pathTo(node: number): number[] {
  return node < 0 ? [] : [...pathTo(parents[node]!), node];
}

/** Logits of a text's last token, which is read alone. */
async function sequential(model: Model, text: readonly number[]): Promise<Float32Array> {
  using session = await model.session();
  let logits = new Float32Array();
  for (const id of text) logits = new Float32Array(await session.feed([[id]]));
  return logits;
}

describe.each(kinds)('%s', (_, mixers) => {
  test('speculative 11.5: each node of a tree has the logits that decoding its path gives, wherever groups begin', async () => {
    await using model = await modelOf(mixers);
    for (const before of [1, 2, 3, 4, 9]) {
      using session = await model.session();
      await session.feed([prompt.slice(0, before)]);
      const made = await session.readDraft([tokens], [parents]);
      for (const node of tokens.keys()) {
        const text = [...prompt.slice(0, before), ...pathTo(node).map((at) => tokens[at]!)];
        const here = made.subarray(node * V, (node + 1) * V);
        expect(largestDifference(await sequential(model, text), here), `node ${node} after ${before}`).toBeLessThan(
          1e-4,
        );
      }
    }
  });

  test('speculative 11.5: a tree of one branch is a chain', async () => {
    await using model = await modelOf(mixers);
    const chain = tokens.slice(0, 7);
    const read = async (tree: boolean): Promise<{ made: Float32Array; next: Float32Array }> => {
      using session = await model.session();
      await session.feed([prompt.slice(0, 6)]);
      const made = await session.readDraft([chain], tree ? [chain.map((__, node) => node - 1)] : undefined);
      await session.commitDraft([[0, 1, 2, 3]]);
      return { made: made.slice(0, chain.length * V), next: await session.feed([[7]]) };
    };
    const [tree, plain] = [await read(true), await read(false)];
    expect(largestDifference(tree.made, plain.made)).toBeLessThan(1e-4);
    expect(largestDifference(tree.next, plain.next)).toBeLessThan(1e-4);
    const texts: number[][] = [];
    for (const asTree of [true, false]) {
      const source = sourceOf('a chain', (text, most) => {
        const drafted = Array.from({ length: most }, (__, at) => (7 * text.length + 5 * at * at) % V);
        return { tokens: drafted, ...(asTree && { parents: drafted.map((__, node) => node - 1) }) };
      }, asTree); // prettier-ignore
      const rows = rowsOf([prompt], [12]);
      const { session, rounds } = await openRounds(model, source, rows);
      while (!rounds.isDone(0)) await rounds.round();
      session.dispose();
      texts.push([...rows[0]!.generated]);
    }
    expect(texts[0]).toEqual(texts[1]);
  });
});

test('the tree of these tests has siblings, two roots and a long path', () => {
  expect(parents.filter((parent) => parent < 0)).toHaveLength(2);
  expect(parents.filter((parent) => parent === 0)).toHaveLength(2);
  expect(Math.max(...depthsOf(parents))).toBeGreaterThanOrEqual(7);
});

test.each([
  ['itself, warmer', (target: Model) => draftModel(target, { temperature: 0.5 })],
  ['a look-up', () => promptLookup()],
  ['random tokens', () => randomSource],
  ['random trees', () => randomTrees],
] as const)(
  'speculative 11.6: in a stack of every kind of memory each round of %s leaves a prefill of the text, and rows that are done as they were',
  async (_, sourceFor) => {
    await using target = await modelOf(allKinds);
    // Prompts that leave a group of four at each of its phases; the first row is done at once, the second soon.
    const lengths = [5, 6, 7, 8];
    for (let last = 1; last <= 4; last++) {
      const rows = rowsOf(
        lengths.map((length, b) => prompt.slice(b, b + length)),
        [1, 3, 40, 40],
      );
      const { session, rounds } = await openRounds(target, sourceFor(target), rows);
      for (let round = 0; round < last; round++) await rounds.round();
      expect(rounds.isDone(0)).toBe(true);
      expect(rows[0]!.generated).toHaveLength(1);
      await expectPrefill(target, session, rows);
      session.dispose();
    }
  },
);
