import type { Program } from '@tessera/tensor-core';
import { tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { ProgramCache } from './program-cache.ts';

/** Programs that count how often they are made, run and freed. */
function counter(): { made: string[]; freed: string[]; program: (name: string) => () => Promise<Program> } {
  const made: string[] = [];
  const freed: string[] = [];
  const program = (name: string) => async (): Promise<Program> => {
    made.push(name);
    await Promise.resolve();
    return {
      graph: undefined as never,
      run: (inputs) => {
        if (freed.includes(name)) throw new Error(`${name} was freed`);
        return inputs;
      },
      dispose: () => freed.push(name),
    };
  };
  return { made, freed, program };
}

test('a program is made once, also for calls at the same time', async () => {
  const { made, program } = counter();
  const cache = new ProgramCache(2);
  const input = tensor([1]);
  const both = await Promise.all([cache.run('a', program('a'), [input]), cache.run('a', program('a'), [])]);
  expect(both).toEqual([[input], []]);
  expect(made).toEqual(['a']);
});

test('of too many programs the one unused for longest is freed, none that is waited for', async () => {
  const { made, freed, program } = counter();
  const cache = new ProgramCache(2);
  for (const name of ['a', 'b', 'a', 'c']) await cache.run(name, program(name), []);
  await Promise.resolve();
  expect(freed).toEqual(['b']);
  await Promise.all(['d', 'e', 'f'].map((name) => cache.run(name, program(name), [])));
  expect(made).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
});

test('a compilation that failed is tried again', async () => {
  const { program } = counter();
  const cache = new ProgramCache(2);
  const error = new Error('no memory');
  await expect(cache.run('a', () => Promise.reject(error), [])).rejects.toBe(error);
  await expect(cache.run('a', program('a'), [])).resolves.toEqual([]);
});

test('after disposal nothing runs, not even what was being compiled', async () => {
  const { freed, program } = counter();
  const cache = new ProgramCache(2);
  await cache.run('a', program('a'), []);
  const pending = cache.run('b', program('b'), []);
  const [ended] = await Promise.all([Promise.allSettled([pending]), cache.dispose()]);
  expect(ended).toMatchObject([{ status: 'rejected', reason: { message: 'The model was disposed. Load it again.' } }]);
  expect(freed).toEqual(['a', 'b']);
  await expect(cache.run('a', program('a'), [])).rejects.toThrow('The model was disposed.');
});
