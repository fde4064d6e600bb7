import type { Model, Session } from '@tessera/assembler';
import { describe, expect, test } from 'vitest';
import { acceptDraft } from './acceptance/accept-draft.ts';
import { Rounds } from './rounds.ts';
import { draftModel } from './sources/draft-model.ts';
import type { DraftSource } from './sources/draft-source.ts';
import { promptLookup } from './sources/prompt-lookup.ts';
import { V, modelOf, randomSource, randomTrees, stacks } from './stacks.test-support.ts';

const prompts = [
  [3, 1, 4, 1, 5, 9, 2, 6],
  [2, 7],
  [1, 6, 1, 8, 0, 3, 3, 9, 8, 8, 7],
];
const after = [5, 0, 17];

function rowsOf(
  texts: readonly number[][],
  limits: readonly number[],
): ConstructorParameters<typeof Rounds>[0]['rows'] {
  return texts.map((prompt, row) => ({
    prompt,
    generated: [],
    sampling: row === 1 ? { temperature: 1, topK: 9, seed: 4 } : {},
    row,
    limit: limits[row]!,
  }));
}

async function open(
  target: Model,
  source: DraftSource,
  rows: ReturnType<typeof rowsOf>,
): Promise<{ session: Session; rounds: Rounds }> {
  const session = await target.session({ batch: rows.length, capacity: 96 });
  await session.read(rows.map(({ prompt }) => prompt.slice(0, -1)));
  const rounds = new Rounds({
    target,
    session,
    rows,
    source: await source.open({ target, rows, capacity: 96 }),
    sourceName: source.name,
    accept: acceptDraft,
    longest: 4,
    cost: undefined,
  });
  return { session, rounds };
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, value, index) => Math.max(largest, Math.abs(value - b[index]!)), 0);
}

const sources: readonly [string, (target: Model) => DraftSource][] = [
  ['itself, warmer', (target) => draftModel(target, { temperature: 0.5 })],
  ['a look-up', () => promptLookup()],
  ['random tokens', () => randomSource],
  ['random trees', () => randomTrees],
];

describe.each(stacks)('%s', (_, mixers) => {
  test.each(sources)(
    'with drafts of %s, what is remembered after each round is a prefill of the text',
    async (__, sourceOf) => {
      await using target = await modelOf(mixers);
      for (let last = 1; last <= 3; last++) {
        const rows = rowsOf(prompts, [40, 40, 40]);
        const { session, rounds } = await open(target, sourceOf(target), rows);
        for (let round = 0; round < last; round++) await rounds.round();
        for (const id of after) {
          // All but the last token of a text has been read.
          const made = await session.feed(
            rows.map(({ prompt, generated }) => (id === after[0] ? [(generated.at(-1) ?? prompt.at(-1))!, id] : [id])),
          );
          for (const [b, { prompt, generated }] of rows.entries()) {
            const { logits } = await target.forward([
              [...prompt, ...generated, ...after.slice(0, after.indexOf(id) + 1)],
            ]);
            expect(
              largestDifference(made.subarray(b * V, (b + 1) * V), logits.subarray(logits.length - V)),
            ).toBeLessThan(1e-4);
          }
        }
        session.dispose();
      }
    },
  );
});

test.each(sources)(
  'rows of a batch are what each row alone is, and rest when they are done: %s',
  async (_, sourceOf) => {
    await using target = await modelOf(stacks[5]![1]);
    const limits = [12, 3, 9];
    const together = rowsOf(prompts, limits);
    const { session, rounds } = await open(target, sourceOf(target), together);
    const made: number[][] = prompts.map(() => []);
    while (!together.every((__, b) => rounds.isDone(b)))
      for (const [b, tokens] of (await rounds.round()).entries()) made[b]!.push(...tokens.map(({ id }) => id));
    session.dispose();
    expect(made).toEqual(together.map(({ generated }) => generated));
    for (const [b, row] of rowsOf(prompts, limits).entries()) {
      const alone = await open(target, sourceOf(target), [row]);
      while (!alone.rounds.isDone(0)) await alone.rounds.round();
      alone.session.dispose();
      expect(row.generated).toEqual(made[b]);
      expect(row.generated).toHaveLength(limits[b]!);
    }
  },
);
