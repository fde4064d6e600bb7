import type { Model, Session } from '@tessera/assembler';
import { expect } from 'vitest';
import { acceptDraft } from './acceptance/accept-draft.ts';
import type { RoundsCall } from './rounds.ts';
import { Rounds } from './rounds.ts';
import type { DraftSource } from './sources/draft-source.ts';
import { V } from './stacks.test-support.ts';

/** Tokens of each of them after a text tell what is remembered of it. */
const after = [5, 0, 17];

/** Positions of the longest text of these tests, with its drafts. */
const capacity = 96;

/** Rows to continue, of which the second is drawn and the others are greedy. */
export function rowsOf(texts: readonly number[][], limits: readonly number[]): RoundsCall['rows'] {
  return texts.map((prompt, row) => ({
    prompt,
    generated: [],
    sampling: row === 1 ? { temperature: 1, topK: 9, seed: 4 } : {},
    row,
    limit: limits[row]!,
  }));
}

/** Rounds over rows whose prompts have been read. */
export async function openRounds(
  target: Model,
  source: DraftSource,
  rows: RoundsCall['rows'],
  longest = 4,
): Promise<{ session: Session; rounds: Rounds }> {
  const session = await target.session({ batch: rows.length, capacity });
  await session.read(rows.map(({ prompt }) => prompt.slice(0, -1)));
  const rounds = new Rounds({
    target,
    session,
    rows,
    source: await source.open({ target, rows, capacity }),
    sourceName: source.name,
    accept: acceptDraft,
    longest,
    cost: undefined,
  });
  return { session, rounds };
}

/** The largest difference between elements. */
export function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, value, index) => Math.max(largest, Math.abs(value - b[index]!)), 0);
}

/** Checks that a session remembers its rows, but for the last token of each, as one that has read nothing else. */
export async function expectPrefill(target: Model, session: Session, rows: RoundsCall['rows']): Promise<void> {
  for (const [place, id] of after.entries()) {
    const made = await session.feed(
      rows.map(({ prompt, generated }) => (place === 0 ? [(generated.at(-1) ?? prompt.at(-1))!, id] : [id])),
    );
    for (const [b, { prompt, generated }] of rows.entries()) {
      using fresh = await target.session({ capacity });
      const expected = await fresh.feed([[...prompt, ...generated, ...after.slice(0, place + 1)]]);
      expect(largestDifference(made.subarray(b * V, (b + 1) * V), expected), `row ${b}`).toBeLessThan(1e-4);
    }
  }
}
