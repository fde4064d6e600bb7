import type { ChainRounds, Model, Session } from '@tessera/assembler';
import { describe, expect, test } from 'vitest';
import { BesideDevice } from './beside-device.test-support.ts';
import { DeviceRounds } from './device-rounds.ts';
import { expectPrefill, largestDifference, rowsOf } from './rounds.test-support.ts';
import type { RoundsCall } from './rounds.ts';
import type { OpenDraftSource } from './sources/draft-source.ts';
import { V, modelOf, stacks } from './stacks.test-support.ts';

const prompts = [
  [3, 1, 4, 1, 5, 9, 2, 6],
  [2, 7],
  [1, 6, 1, 8, 0, 3, 3, 9, 8, 8, 7],
];
const capacity = 96;
const depths = [1, 3];

interface Opened {
  readonly session: Session;
  readonly draft: Session;
  readonly chains: ChainRounds;
}

/** Rounds over rows whose prompts the target has read, and the draft model has not. */
async function open(
  target: Model,
  model: Model,
  rows: RoundsCall['rows'],
  instead?: readonly (readonly number[])[],
): Promise<Opened> {
  const [session, draft] = await Promise.all([target, model].map((each) => each.session({ batch: rows.length, capacity }))); // prettier-ignore
  await session!.read(rows.map(({ prompt }) => prompt.slice(0, -1)));
  const chains = session!.chainRounds(
    rows.map((row) => ({ history: row, options: row.sampling, limit: row.limit })),
    { depths, draft: { session: draft!, options: rows.map(({ sampling }) => sampling), instead } },
  );
  return { session: session!, draft: draft!, chains };
}

function close({ session, draft, chains }: Opened): void {
  for (const each of [chains, session, draft]) each.dispose();
}

/** What a device that chooses by itself writes after a prompt. */
async function plain(target: Model, row: RoundsCall['rows'][number]): Promise<number[]> {
  using session = await target.session({ capacity });
  await session.read([row.prompt.slice(0, -1)]);
  using choices = await session.choices([{ history: row, options: row.sampling }], row.limit);
  const ids: number[] = [];
  while (ids.length < row.limit && !row.endIds?.includes(ids.at(-1) ?? -1)) ids.push((await choices.next())[0]!);
  return ids;
}

describe.each(stacks)('%s', (_, mixers) => {
  test('speculative 11.6: after each round both models remember what a prefill of the text gives', async () => {
    const device = new BesideDevice();
    await using target = await modelOf(mixers, 3, { device });
    await using model = await modelOf(mixers, 5, { device });
    // Without a draft, with short and long ones, and after a rest that the model has to make good.
    const rounds = [[1, 3, 0], [3, 1, 2], [0, 0, 0], [0, 0, 0], [3, 3, 3]]; // prettier-ignore
    for (let last = 1; last <= rounds.length; last++) {
      const rows = rowsOf(prompts, [40, 40, 2]);
      const opened = await open(target, model, rows);
      let given: readonly (readonly number[])[] = [];
      for (const wanted of rounds.slice(0, last)) {
        const made = await (await opened.chains.start({ depths: wanted })).rows;
        given = made.map(({ ids }) => ids);
        rows.forEach(({ generated }, b) => (generated as number[]).push(...given[b]!));
      }
      expect(rows[2]!.generated.length).toBeLessThanOrEqual(2);
      if (last !== 3 && last !== 4) await expectRead(model, opened.draft, rows, given);
      await expectPrefill(target, opened.session, rows);
      close(opened);
    }
  });
});

/** Checks that a session has read all of each row but what the last round gave. */
async function expectRead(
  model: Model,
  session: Session,
  rows: RoundsCall['rows'],
  given: readonly (readonly number[])[],
): Promise<void> {
  for (const more of [given, rows.map(() => [5])]) {
    const made = await session.feed(more);
    for (const [b, { prompt, generated }] of rows.entries()) {
      if (more[b]!.length === 0) continue;
      using fresh = await model.session({ capacity });
      const expected = await fresh.feed([[...prompt, ...generated, ...(more === given ? [] : [5])]]);
      expect(largestDifference(made.subarray(b * V, (b + 1) * V), expected), `row ${b}`).toBeLessThan(1e-4);
    }
  }
}

const adaptive = [undefined, { token: 0.2 }];

test.each(adaptive)(
  'speculative 11.9: rows of a batch on a device are what each row alone is, and rest when they are done: cost %o',
  async (cost) => {
    const device = new BesideDevice();
    await using target = await modelOf(stacks[5]![1], 3, { device });
    for (const seed of [3, 4]) {
      await using model = await modelOf(stacks[5]![1], seed, { device });
      const limits = [12, 3, 9];
      const rows = rowsOf(prompts, limits);
      const alone = await Promise.all(rows.map((row) => plain(target, row)));
      // The last row ends by a token in the middle of its text.
      const ending = rows.map((row, b) => (b === 2 ? { ...row, endIds: [alone[2]![5]!] } : row));
      const opened = await open(target, model, ending);
      const told: number[][] = prompts.map(() => []);
      const source: OpenDraftSource = {
        propose: () => Promise.reject(new Error('The device proposes.')),
        chain: { session: opened.draft, options: [] },
        watch: (made) => made.forEach(({ ids }, b) => told[b]!.push(...ids)),
      };
      const rounds = new DeviceRounds({ chains: opened.chains, rows: ending, source, sourceName: 'draft', vocabSize: V, lengths: depths, cost }); // prettier-ignore
      const made: number[][] = prompts.map(() => []);
      while (!ending.every((__, b) => rounds.isDone(b)))
        for (const [b, tokens] of (await rounds.round()).entries()) made[b]!.push(...tokens.map(({ id }) => id));
      expect(made.slice(0, 2)).toEqual(alone.slice(0, 2));
      const end = alone[2]!.indexOf(alone[2]![5]!) + 1;
      expect(made[2]).toEqual(alone[2]!.slice(0, end));
      expect(told).toEqual(made);
      expect(await rounds.round()).toEqual([[], [], []]);
      // Rounds that were under way when a row ended have not touched it.
      await expectPrefill(target, opened.session, ending);
      close(opened);
    }
  },
);

/** A text on a device, about which somebody else may propose. */
async function oneText(limit: number): Promise<
  AsyncDisposable & {
    readonly rows: ReturnType<typeof rowsOf>;
    /** What plain decoding makes of it. */
    readonly text: readonly number[];
    readonly chains: ChainRounds;
  }
> {
  const target = await modelOf(stacks[0]![1], 3, { device: new BesideDevice() });
  const rows = rowsOf(prompts.slice(0, 1), [limit]);
  const text = await plain(target, rows[0]!);
  const session = await target.session({ batch: 1, capacity });
  await session.read([prompts[0]!.slice(0, -1)]);
  const chains = session.chainRounds([{ history: rows[0]!, options: {}, limit }], { depths });
  return {
    rows,
    text,
    chains,
    async [Symbol.asyncDispose]() {
      session.dispose();
      await target.dispose();
    },
  };
}

test.each([
  ['asks for a draft now and then', false, 3, 20],
  // Before the first round nothing is under way, and behind the last draft nobody can foresee that there is no further one.
  ['foresees whether there will be one', true, 0, 2],
])(
  'a round without a draft is one ahead, and one that the host proposes in waits for the text; it %s',
  async (_, foresees, leastInVain, mostInVain) => {
    await using one = await oneText(40);
    const { rows, text, chains } = one;
    let taken = 0;
    // Rounds before it of which nothing was known when one was started, and the tokens proposed in it.
    const started: (readonly [number, number])[] = [];
    const watched: Pick<ChainRounds, 'start' | 'dispose'> = {
      start(proposal, options) {
        started.push([started.length - taken, 'tokens' in proposal ? proposal.tokens[0]!.length : -1]);
        return chains.start(proposal, options);
      },
      dispose: () => chains.dispose(),
    };
    // Right between the tenth and the twentieth token, else there is nothing to propose.
    const foresee: OpenDraftSource['foresee'] = ([most]) => {
      const { length } = rows[0]!.generated;
      return [{ tokens: length >= 10 && length < 20 ? text.slice(length, length + most!) : [] }];
    };
    const seen: number[] = [];
    const source: OpenDraftSource = {
      propose: async (most) => {
        const drafts = foresee(most);
        seen.push(drafts[0]!.tokens.length);
        return drafts;
      },
      foresee: foresees ? foresee : undefined,
    };
    using rounds = new DeviceRounds({ chains: watched as ChainRounds, rows, source, sourceName: 'some', vocabSize: V, lengths: depths, cost: { token: 0.05 } }); // prettier-ignore
    for (; !rounds.isDone(0); taken++) await rounds.round();
    expect(rows[0]!.generated).toEqual(text);
    expect(rounds.drafts.accepted).toBeGreaterThan(0);
    expect(started.filter(([before, tokens]) => tokens > 0 && before > 0)).toEqual([]);
    expect(started.filter(([before, tokens]) => tokens === 0 && before === 1).length).toBeGreaterThan(10);
    expect(seen.length).toBeLessThan(started.length / 2);
    const inVain = seen.filter((tokens) => tokens === 0).length;
    expect(inVain).toBeGreaterThanOrEqual(leastInVain);
    expect(inVain).toBeLessThanOrEqual(mostInVain);
  },
);

test('drafts that nobody would keep are never waited for where they are foreseen, and come as soon as they would be kept', async () => {
  await using one = await oneText(80);
  const { rows, text, chains } = one;
  const rightFrom = 30;
  const foresee: OpenDraftSource['foresee'] = ([most]) => {
    const { length } = rows[0]!.generated;
    const right = text.slice(length, length + most!);
    return [{ tokens: length < rightFrom ? right.map((id) => (id + 1) % V) : right }];
  };
  const proposed: number[] = [];
  const source: OpenDraftSource = {
    propose: async (most) => {
      proposed.push(rows[0]!.generated.length);
      return foresee(most);
    },
    foresee,
  };
  // So dear that six of ten, which is what is assumed in the beginning, are not enough.
  const cost = { token: 0.05, round: 1 };
  using rounds = new DeviceRounds({ chains, rows, source, sourceName: 'some', vocabSize: V, lengths: depths, cost });
  while (!rounds.isDone(0)) await rounds.round();
  expect(rows[0]!.generated).toEqual(text);
  expect(Math.min(...proposed)).toBeGreaterThanOrEqual(rightFrom);
  expect(rounds.drafts.drafted).toBeGreaterThan(0);
  expect(rounds.drafts.accepted).toBe(rounds.drafts.drafted);
});

test('tokens that stand in for those a model would propose are proposed at their place', async () => {
  const device = new BesideDevice();
  await using target = await modelOf(stacks[0]![1], 3, { device });
  await using model = await modelOf(stacks[3]![1], 5, { device });
  const rows = rowsOf(prompts, [12, 12, 12]);
  const texts = await Promise.all(rows.map((row) => plain(target, row)));
  // Right but for the third token of each text.
  const instead = texts.map((ids) => ids.map((id, step) => (step === 2 ? (id + 1) % V : id)));
  const opened = await open(target, model, rows, instead);
  const accepted: number[][] = [];
  for (let round = 0; round < 4; round++) {
    const made = await (await opened.chains.start({ depths: [3, 3, 3] })).rows;
    made.forEach(({ ids }, b) => (rows[b]!.generated as number[]).push(...ids));
    accepted.push(made.map((row) => row.accepted));
  }
  expect(accepted).toEqual([[2, 2, 2], [3, 3, 3], [3, 3, 3], [0, 0, 0]]); // prettier-ignore
  expect(rows.map(({ generated }) => generated)).toEqual(texts);
  close(opened);
});
