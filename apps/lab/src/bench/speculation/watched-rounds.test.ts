import type { TokenDecoderCall } from '@tessera/assembler';
import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import { expect, test } from 'vitest';
import { roundFiguresOf } from './round-figures.ts';
import { watchedRounds } from './watched-rounds.ts';

test('rounds are told apart by what the decoder counts, and have what the device counted meanwhile', async () => {
  const counters = { submits: 0, dispatches: 0, reads: 0 };
  // Drafts of three of which two, none and three stay.
  const gives = [3, 1, 4];
  let [round, left] = [0, 0];
  const decoder = {
    name: 'three rounds',
    room: 4,
    open: () =>
      Promise.resolve({
        next: async () => {
          if (left === 0) {
            counters.submits += 1;
            counters.dispatches += 10;
            counters.reads += 2;
            left = gives[round++]!;
          }
          left--;
          return { id: 1 };
        },
        get drafts() {
          const accepted = gives.slice(0, round).reduce((sum, tokens) => sum + tokens - 1, 0);
          return { rounds: round, drafted: 3 * round, accepted };
        },
        [Symbol.dispose]() {},
      }),
  };
  const watched = watchedRounds(decoder, { counters } as unknown as WebGpuDevice);
  const source = await watched.decoder.open({} as TokenDecoderCall);
  for (let token = 0; token < 8; token++) await source.next();
  expect(watched.rounds.map(({ tokens, drafted, accepted }) => [tokens, drafted, accepted])).toEqual([
    [3, 3, 2],
    [1, 3, 0],
    [4, 3, 3],
  ]);
  expect(roundFiguresOf(watched.rounds)).toEqual({
    rounds: 3,
    tested: 3 + 1 + 3,
    acceptance: 5 / 7,
    ofDrafted: 5 / 9,
    tokens: 8 / 3,
    drafted: 3,
    submits: 1,
    dispatches: 10,
    reads: 2,
  });
});
