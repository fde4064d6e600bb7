import type { Model } from '@tessera/assembler';
import { describe, expect, test } from 'vitest';
import { expectPrefill, openRounds, rowsOf } from './rounds.test-support.ts';
import { draftModel } from './sources/draft-model.ts';
import type { DraftSource } from './sources/draft-source.ts';
import { promptLookup } from './sources/prompt-lookup.ts';
import { modelOf, randomSource, randomTrees, stacks } from './stacks.test-support.ts';

const prompts = [
  [3, 1, 4, 1, 5, 9, 2, 6],
  [2, 7],
  [1, 6, 1, 8, 0, 3, 3, 9, 8, 8, 7],
];

const sources: readonly [string, (target: Model) => DraftSource][] = [
  ['itself, warmer', (target) => draftModel(target, { temperature: 0.5 })],
  ['a look-up', () => promptLookup()],
  ['random tokens', () => randomSource],
  ['random trees', () => randomTrees],
];

describe.each(stacks)('%s', (_, mixers) => {
  test.each(sources)(
    'speculative 11.6: with drafts of %s, what is remembered after each round is a prefill of the text',
    async (__, sourceOf) => {
      await using target = await modelOf(mixers);
      for (let last = 1; last <= 3; last++) {
        const rows = rowsOf(prompts, [40, 40, 40]);
        const { session, rounds } = await openRounds(target, sourceOf(target), rows);
        for (let round = 0; round < last; round++) await rounds.round();
        await expectPrefill(target, session, rows);
        session.dispose();
      }
    },
  );
});

test.each(sources)(
  'speculative 11.9: rows of a batch are what each row alone is, and rest when they are done: %s',
  async (_, sourceOf) => {
    await using target = await modelOf(stacks[5]![1]);
    const limits = [12, 3, 9];
    const together = rowsOf(prompts, limits);
    const { session, rounds } = await openRounds(target, sourceOf(target), together);
    const made: number[][] = prompts.map(() => []);
    while (!together.every((__, b) => rounds.isDone(b)))
      for (const [b, tokens] of (await rounds.round()).entries()) made[b]!.push(...tokens.map(({ id }) => id));
    session.dispose();
    expect(made).toEqual(together.map(({ generated }) => generated));
    for (const [b, row] of rowsOf(prompts, limits).entries()) {
      const alone = await openRounds(target, sourceOf(target), [row]);
      while (!alone.rounds.isDone(0)) await alone.rounds.round();
      alone.session.dispose();
      expect(row.generated).toEqual(made[b]);
      expect(row.generated).toHaveLength(limits[b]!);
    }
  },
);
