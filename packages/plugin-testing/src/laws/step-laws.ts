import type { AnyState, CachePolicy } from '@tessera/plugin';
import { sub } from '@tessera/tensor-core';
import type { Row, RowValues, Token } from '../bench/rows.ts';
import type { RunOptions, Session } from '../bench/session.ts';
import { decodes } from './law-source.ts';
import type { LawSource } from './law-source.ts';

const T = 17;

/** Slots in the opposite order: only a layer that asks the policy for slots can get this right. */
const backwards: CachePolicy = {
  name: 'backwards',
  slots: ({ capacity }) => capacity,
  slotOf: (entry, slots) => sub(slots - 1, entry),
};

/** Steps through sequences by parts of the given sizes, and gives all outputs and the last state. */
async function through(
  session: Session,
  sequences: readonly (readonly Token[])[],
  sizes: readonly number[],
  { capacity, chunk, ...options }: RunOptions & { capacity: number; chunk: number },
): Promise<{ y: RowValues; state: AnyState }> {
  const { cache } = options;
  let state = await session.start({ batch: sequences.length, capacity, chunk, ...(cache && { cache }) });
  const y: ArrayLike<number>[][] = sequences.map(() => []);
  let first = 0;
  for (const size of sizes) {
    const rows = sequences.map((tokens) => ({ tokens: tokens.slice(first, first + size), first }));
    const step = await session.step(state, rows, options);
    step.y.forEach((values, row) => y[row]!.push(...values));
    state = step.state;
    first += size;
  }
  return { y, state };
}

function threeSequences(session: Session): Token[][] {
  return [0, 1, 2].map((row) => session.subject.tokens(`steps ${row}`, T));
}

/** A law that parts of these sizes give what forward gives. */
function parts(
  name: string,
  sizes: readonly number[],
  options: RunOptions & { capacity: number; chunk: number },
): LawSource {
  return {
    name,
    applies: decodes,
    async check(session) {
      const sequences = threeSequences(session);
      const { y } = await through(session, sequences, sizes, options);
      session.close(y, await session.aloneTokens(sequences), `parts of ${sizes.join(', ')}`);
    },
  };
}

const single = Array.from({ length: T }, () => 1);

/** Each size is a program to compile, which on a GPU takes longer than all else: laws share sizes where they can. */
const [sevensAndOnes, uneven] = [
  [7, 1, 1, 7, 1],
  [5, 1, 7, 1, 3],
];

/** Laws of steps along chains. */
export const stepLaws: readonly LawSource[] = [
  parts('one step over a prompt equals forward', [T], { capacity: T, chunk: T }),
  parts('token by token equals forward', single, { capacity: T, chunk: 1 }),
  parts('chunks of uneven sizes equal forward', uneven, { capacity: T, chunk: 7 }),
  parts('room to spare changes nothing', sevensAndOnes, { capacity: 41, chunk: 11 }),
  parts('the slots of a cache may lie in any order', sevensAndOnes, { capacity: 23, chunk: 7, cache: backwards }),
  {
    name: 'padded steps equal each row alone',
    applies: decodes,
    async check(session) {
      const calls = [
        { starts: [2, 0, 6, 0], lengths: [4, 6, 0, 3] },
        { starts: [0, 3, 1, 6], lengths: [6, 1, 5, 0] },
        { starts: [5, 0, 0, 1], lengths: [1, 0, 6, 4] },
        { starts: [0, 1, 3, 0], lengths: [6, 5, 3, 1] },
      ];
      const sequences = [0, 1, 2, 3].map((row) =>
        session.subject.tokens(
          `padded step ${row}`,
          calls.reduce((sum, { lengths }) => sum + lengths[row]!, 0),
        ),
      );
      const run = async (garbage: number): Promise<RowValues> => {
        let state = await session.start({ batch: 4, capacity: T, chunk: 6 });
        const y: ArrayLike<number>[][] = sequences.map(() => []);
        const done = [0, 0, 0, 0];
        for (const { starts, lengths } of calls) {
          const rows = sequences.map((tokens, row): Row => {
            const first = done[row]!;
            done[row] = first + lengths[row]!;
            return { tokens: tokens.slice(first, done[row]), first, start: starts[row]! };
          });
          const step = await session.step(state, rows, { n: 6, garbage });
          step.y.forEach((values, row) => y[row]!.push(...values));
          state = step.state;
        }
        return y;
      };
      const y = await run(1);
      session.close(y, await session.aloneTokens(sequences), 'padded steps');
      session.same(await run(2), y, 'with other garbage in the padding');
    },
  },
  {
    name: 'a step is causal to the bit',
    applies: decodes,
    async check(session) {
      const sequences = threeSequences(session);
      const { state } = await through(session, sequences, [7, 3], { capacity: T, chunk: 7 });
      const rest = sequences.map((tokens) => ({ tokens: tokens.slice(10), first: 10 }));
      const upTo = [0, 3, 5];
      const changed = rest.map(({ tokens, first }, b) => ({
        tokens: [...tokens.slice(0, upTo[b]! + 1), ...session.subject.tokens(`other ${b}`, 7, 2).slice(upTo[b]! + 1)],
        first,
      }));
      const before = async (rows: readonly Row[]): Promise<RowValues> =>
        (await session.step(state, rows)).y.map((values, b) => values.slice(0, upTo[b]! + 1));
      session.same(await before(changed), await before(rest), 'after a change of what follows in the step');
    },
  },
  {
    name: 'a step that overwrites its state gives the same',
    applies: decodes,
    async check(session) {
      const sequences = threeSequences(session);
      const options = { capacity: T, chunk: 7 };
      const kept = await through(session, sequences, sevensAndOnes, options);
      const spent = await through(session, sequences, sevensAndOnes, { ...options, donate: true });
      session.same(spent.y, kept.y, 'with a donated state');
      session.close(spent.y, await session.aloneTokens(sequences), 'with a donated state');
    },
  },
];
