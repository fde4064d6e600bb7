import { expect, test } from 'vitest';
import { deviceLengths } from './costs.ts';
import { AdaptiveLength, bestDraftLength } from './draft-length.ts';
import { testNumbers } from './random-streams.ts';

const upTo = (longest: number): number[] => Array.from({ length: longest }, (_, index) => index + 1);

test('a draft is the longer the more of it stays and the less it costs, and none where it costs more than it brings', () => {
  const best = (acceptance: number, token: number): number =>
    bestDraftLength({ acceptance, cost: { token }, lengths: upTo(8) });
  expect(best(0.8, 0.1)).toBe(6);
  expect(best(0.3, 0.05)).toBe(2);
  expect(best(0.8, 0.3)).toBe(3);
  expect(best(0.3, 0.31)).toBe(0);
  expect(best(1, 0.1)).toBe(8);
  expect(best(0.9, 0)).toBe(8);
});

test('the best length is that of the formula among those that may be, where it gains enough', () => {
  for (const acceptance of [0.2, 0.5, 0.8, 0.95])
    for (const token of [0.02, 0.1, 0.4])
      for (const [round, square] of [
        [0, 0.01],
        [0.3, 0],
      ] as const)
        for (const lengths of [upTo(10), [1, 2, 3, 5, 7], [4]]) {
          const speed = (length: number): number =>
            length === 0
              ? 1.06
              : (1 - acceptance ** (length + 1)) /
                (1 - acceptance) /
                (1 + round + length * token + length * length * square);
          const speeds = [0, ...lengths].map(speed);
          const best = [0, ...lengths][speeds.indexOf(Math.max(...speeds))];
          expect(bestDraftLength({ acceptance, cost: { token, square, round }, lengths })).toBe(best);
        }
});

test('drafts that are rejected grow short and are tried again now and then; ones that stay grow long', () => {
  const cost = { token: 0.2 };
  const length = new AdaptiveLength({ cost, lengths: upTo(8) });
  expect(length.next()).toBeGreaterThan(0);
  for (let round = 0; round < 40; round++) length.learn(length.next(), 0);
  expect(length.length).toBe(0);
  const tried = Array.from({ length: 1000 }, () => {
    const proposed = length.next();
    length.learn(proposed, 0);
    return proposed;
  });
  expect(new Set(tried)).toEqual(new Set([0, 1]));
  const tries = tried.filter((tokens) => tokens === 1).length;
  expect(tries).toBeGreaterThan(5);
  // A try takes 0.2 steps, and about as much to read what was missed.
  expect(tries * 0.2).toBeLessThan(0.015 * 1000);
  for (let round = 0; round < 400; round++) {
    const proposed = length.next();
    length.learn(proposed, proposed);
  }
  expect(length.next()).toBe(8);
});

test('tokens behind a rejected one say nothing', () => {
  const [short, long] = [1, 8].map((proposed) => {
    const length = new AdaptiveLength({ cost: { token: 0.1 }, lengths: upTo(8) });
    length.learn(proposed, 0);
    return length.length;
  });
  expect(long).toBe(short);
});

test('where nothing is found it is looked for less and less, and again at once when something was', () => {
  const length = new AdaptiveLength({ cost: { token: 0.1 }, lengths: [1, 3] });
  const asked: number[] = [];
  for (let round = 0; round < 32; round++)
    if (length.next() > 0) {
      asked.push(round);
      length.missed();
    }
  expect(asked).toEqual([0, 2, 5, 10, 19, 28]);
  while (length.next() === 0);
  length.learn(3, 3);
  expect(length.next()).toBe(3);
});

test('rest between tries in vain grows, and begins anew once drafts were worth while', () => {
  const length = new AdaptiveLength({ cost: { token: 0.2 }, lengths: [2] });
  const rests = (stays: (round: number) => boolean): number[] => {
    const made: number[] = [];
    let rested = 0;
    for (let round = 0; round < 600; round++) {
      const proposed = length.next();
      if (proposed === 0) rested++;
      else if (rested > 0) [rested] = [0, made.push(rested)];
      if (proposed > 0) length.learn(proposed, stays(round) ? proposed : 0);
    }
    return made;
  };
  const inVain = rests(() => false);
  expect(inVain.length).toBeGreaterThan(2);
  for (let i = 1; i < inVain.length; i++) {
    expect(inVain[i]).toBeGreaterThanOrEqual(inVain[i - 1]!);
    expect(inVain[i]).toBeLessThanOrEqual(4 * inVain[i - 1]! + 2);
  }
  const [last] = rests((round) => round < 300).slice(-2);
  expect(last).toBeLessThan(inVain.at(-1)!);
});

interface Machine {
  /** Probability that a token stays, by its place in the text. */
  readonly acceptance: number | ((place: number) => number);
  /** Tokens of a text. @defaultValue 1000 */
  readonly length?: number;
  /** What a drafted token, a verified one and a round take, in steps. */
  readonly draft: number;
  readonly verify: number;
  readonly round: number;
  /** @defaultValue 0 */
  readonly square?: number;
  /** What the length is chosen by, in parts of what it takes. @defaultValue 1 */
  readonly believed?: number;
  /** Rounds that are started before their predecessors are known. @defaultValue 1 */
  readonly ahead?: number;
  /** Tokens that a model reads in a pass when it has rested. @defaultValue all of them */
  readonly chunk?: number;
}

/** Tokens per step of a machine on which tokens stay with given probabilities; steps alone make 1. */
function speedOn(
  { acceptance, length: limit = 1000, believed = 1, ahead = 1, ...machine }: Machine,
  seed: number,
): number {
  const { draft, verify, round, square = 0, chunk = Infinity } = machine;
  const cost = { token: believed * (draft + verify), square: believed * square, round: believed * round };
  const length = new AdaptiveLength({ cost, lengths: deviceLengths(8) });
  const stays = typeof acceptance === 'number' ? () => acceptance : acceptance;
  const known: (readonly [number, number])[] = [];
  let [tokens, time, missed] = [0, 0, 0];
  while (tokens < limit) {
    const proposed = length.next();
    let accepted = 0;
    while (accepted < proposed) {
      const place = tokens + accepted;
      if (testNumbers({ seed, step: place })(0) >= stays(place)) break;
      accepted++;
    }
    // A model that has rested reads what it has missed before it proposes, which is waited for.
    const reading = proposed > 0 && missed > 0 ? 0.6 + 3 * draft * Math.max(1, Math.ceil(missed / chunk)) : 0;
    missed = proposed > 0 ? 0 : missed + 1;
    time += proposed > 0 ? 1 + round + reading + proposed * (draft + verify) + proposed ** 2 * square : 1;
    tokens += accepted + 1;
    known.push([proposed, accepted]);
    if (known.length > ahead) length.learn(...known.shift()!);
  }
  return tokens / time;
}

const seeds = upTo(20);
const slowest = (machine: Machine): number => Math.min(...seeds.map((seed) => speedOn(machine, seed)));
const mean = (machine: Machine): number => seeds.reduce((sum, seed) => sum + speedOn(machine, seed), 0) / seeds.length;

const machines = [0.03, 0.1, 0.2, 0.4, 0.8].flatMap((draft) =>
  [0, 0.3].flatMap((round) => [0, 1].map((ahead) => ({ draft, round, ahead, verify: 0.03 }))),
);

test.each(machines)('in a thousand tokens at an acceptance of 0.3 or less hardly anything is lost: %o', (machine) => {
  for (const acceptance of [0, 0.1, 0.2, 0.3]) expect(slowest({ ...machine, acceptance })).toBeGreaterThan(0.95);
});

test('nor where everything costs twice what is believed', () => {
  for (const draft of [0.1, 0.2, 0.4])
    expect(mean({ acceptance: 0.3, draft, verify: 0.06, round: 0.1, believed: 0.5 })).toBeGreaterThan(0.95);
});

test('at an acceptance of 0.6 and 0.8 drafts bring what their cost leaves', () => {
  const machine = { verify: 0.03, round: 0 };
  expect(mean({ ...machine, acceptance: 0.6, draft: 0.05 })).toBeGreaterThan(1.75);
  expect(mean({ ...machine, acceptance: 0.8, draft: 0.05 })).toBeGreaterThan(2.6);
  expect(mean({ ...machine, acceptance: 0.8, draft: 0.15 })).toBeGreaterThan(1.85);
  // Layers that are stepped again over what stays.
  expect(mean({ ...machine, acceptance: 0.8, draft: 0.1, round: 0.3 })).toBeGreaterThan(1.8);
});

test('a draft of 60 M for 1.1 B on an H100: layers that remember rows, and ones that are stepped again', () => {
  const machine = { draft: 0.09, verify: 0.015, square: 0.004, chunk: 32 };
  for (const round of [0.18, 0.22])
    for (const acceptance of [0, 0.3])
      for (const length of [384, 1000])
        expect(slowest({ ...machine, round, acceptance, length })).toBeGreaterThan(0.965);
  expect(mean({ ...machine, round: 0.18, acceptance: 0.6 })).toBeGreaterThan(1.25);
  expect(mean({ ...machine, round: 0.18, acceptance: 0.8 })).toBeGreaterThan(1.8);
  expect(mean({ ...machine, round: 0.31, acceptance: 0.6 })).toBeGreaterThan(1.1);
  expect(mean({ ...machine, round: 0.31, acceptance: 0.8 })).toBeGreaterThan(1.6);
});

test('a text whose beginning nobody could tell is drafted soon after it', () => {
  const acceptance = (place: number): number => (place < 12 ? 0 : 0.85);
  const machine = { verify: 0.015, square: 0.004, round: 0.18, chunk: 32, length: 384, acceptance };
  expect(mean({ ...machine, draft: 0.09 })).toBeGreaterThan(1.9);
  expect(mean({ ...machine, draft: 0.36 })).toBeGreaterThan(1.2);
});
