import type { Model } from '@tessera/assembler';
import type { DraftSource } from '@tessera/decoding-speculative';
import { expect, test } from 'vitest';
import { fixedAcceptance, proposalsOf } from './fixed-acceptance.ts';

const target = { spec: { vocabSize: 16 } } as Model;
const text = Array.from({ length: 4000 }, (_, step) => (7 * step) % 16);

test.each([0.3, 0.6, 0.8])('of what is proposed %d is right, at places that a seed says', (acceptance) => {
  const right = proposalsOf({ text, acceptance, seed: 1 }, 16).map((id, step) => Number(id === text[step]));
  const share = right.reduce((sum, one) => sum + one, 0) / text.length;
  expect(Math.abs(share - acceptance)).toBeLessThan(4 * Math.sqrt((acceptance * (1 - acceptance)) / text.length));
  expect(proposalsOf({ text, acceptance, seed: 1 }, 16)).toEqual(proposalsOf({ text, acceptance, seed: 1 }, 16));
  expect(proposalsOf({ text, acceptance, seed: 2 }, 16)).not.toEqual(proposalsOf({ text, acceptance, seed: 1 }, 16));
});

test('a source is asked as if it were alone, and what it proposes is replaced by place in the text', async () => {
  const asked: unknown[] = [];
  const source: DraftSource = {
    name: 'zeros',
    cost: () => 0.1,
    open: () =>
      Promise.resolve({
        propose: async (most) => {
          asked.push(most);
          return most.map((count) => ({ tokens: new Array<number>(count).fill(0) }));
        },
        keep: async (paths) => void asked.push(paths),
      }),
  };
  const fixed = fixedAcceptance(source, { text, acceptance: 1, seed: 0 });
  expect([fixed.name, fixed.cost(target)]).toEqual(['zeros', 0.1]);
  const generated = [0, 7];
  const rows = [{ prompt: [1], generated, sampling: {}, row: 0 }];
  const open = await fixed.open({ target, rows, capacity: 9 });
  expect(await open.propose([3])).toEqual([{ tokens: text.slice(2, 5) }]);
  generated.push(14);
  expect(await open.propose([1])).toEqual([{ tokens: text.slice(3, 4) }]);
  await open.keep?.([[0]]);
  expect(asked).toEqual([[3], [1], [[0]]]);
  expect(open.chain).toBeUndefined();
});
