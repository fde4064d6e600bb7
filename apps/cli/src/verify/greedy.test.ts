import type { ForwardResult, GenerateResult } from '@tessera/assembler';
import { expect, test } from 'vitest';
import { compareGreedy } from './greedy.ts';

const { signal } = new AbortController();

/** A model whose next token depends on the last one only: token i is followed by logits `table[i]`. */
function chain(table: readonly (readonly number[])[]): Parameters<typeof compareGreedy>[0] {
  const best = (id: number): number => table[id]!.indexOf(Math.max(...table[id]!));
  return {
    generate: async (prompt, options) => {
      const tokenIds = [...(prompt as readonly number[])];
      for (let made = 0; made < options!.maxNewTokens!; made++) tokenIds.push(best(tokenIds.at(-1)!));
      return { tokenIds } as unknown as GenerateResult;
    },
    forward: async ([row]) => {
      const logits = Float32Array.from(row!.flatMap((id) => table[id]!));
      return { logits, shape: [1, row!.length, table.length], taps: new Map() } as ForwardResult;
    },
  };
}

// 0 → 1, 1 → 2 (3 is a hair behind), 2 → 0, 3 → 0
const model = chain([
  [0, 9, 0, 0],
  [0, 0, 5, 4.9999],
  [9, 0, 0, 0],
  [9, 0, 0, 0],
]);

test('equal texts are equal', async () => {
  const greedy = { prompt: [0], ids: [0, 1, 2, 0, 1, 2] };
  expect(await compareGreedy(model, greedy, 1e-3, signal)).toEqual({ equal: true, remarks: [] });
});

test('where the two best are as good as equal, the other choice is reported and the rest is compared after it', async () => {
  const tied = { prompt: [0], ids: [0, 1, 3, 0, 1, 2, 0] };
  const { equal, remarks } = await compareGreedy(model, tied, 1e-3, signal);
  expect(equal).toBe(true);
  expect(remarks).toEqual([expect.stringMatching(/^position 2: 2 instead of 3, a tie: 1\.00e-4 below our best logit/)]);
  const wrongAfterwards = { prompt: [0], ids: [0, 1, 3, 0, 1, 2, 1] };
  expect(await compareGreedy(model, wrongAfterwards, 1e-3, signal)).toMatchObject({ equal: false });
});

test('a choice that is clearly worse differs', async () => {
  const { equal, remarks } = await compareGreedy(model, { prompt: [0], ids: [0, 1, 3] }, 1e-5, signal);
  expect(equal).toBe(false);
  expect(remarks).toEqual([expect.stringContaining('position 2: 2 instead of 3')]);
});

test('a third choice differs although the two best are tied', async () => {
  expect(await compareGreedy(model, { prompt: [0], ids: [0, 1, 0] }, 1e-3, signal)).toMatchObject({ equal: false });
});

test('steps that disagree with whole sequences differ, however close the whole sequences find it', async () => {
  const broken = { ...model, generate: chain([[0, 0, 0, 9], [], [], []]).generate };
  expect(await compareGreedy(broken, { prompt: [0], ids: [0, 1] }, 1e-3, signal)).toMatchObject({ equal: false });
});

test('a text that does not begin with its prompt differs', async () => {
  expect(await compareGreedy(model, { prompt: [0, 1], ids: [0, 2, 0] }, 1e-3, signal)).toMatchObject({ equal: false });
});
