import type { Program, Tensor } from '@tessera/tensor-core';
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

const run = (
  cache: ProgramCache,
  key: string,
  make: () => Promise<Program>,
  inputs: readonly Tensor[] = [],
): Promise<readonly Tensor[]> => cache.use(key, make, (program) => program.run(inputs));

test('a program is made once, also for calls at the same time', async () => {
  const { made, program } = counter();
  const cache = new ProgramCache(2);
  const input = tensor([1]);
  const both = await Promise.all([run(cache, 'a', program('a'), [input]), run(cache, 'a', program('a'))]);
  expect(both).toEqual([[input], []]);
  expect(made).toEqual(['a']);
});

test('of too many programs the one unused for longest is freed, none that is waited for', async () => {
  const { made, freed, program } = counter();
  const cache = new ProgramCache(2);
  for (const name of ['a', 'b', 'a', 'c']) await run(cache, name, program(name));
  await Promise.resolve();
  expect(freed).toEqual(['b']);
  await Promise.all(['d', 'e', 'f'].map((name) => run(cache, name, program(name))));
  expect(made).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
});

test('a compilation that failed is tried again', async () => {
  const { program } = counter();
  const cache = new ProgramCache(2);
  const error = new Error('no memory');
  await expect(run(cache, 'a', () => Promise.reject(error))).rejects.toBe(error);
  await expect(run(cache, 'a', program('a'))).resolves.toEqual([]);
});

test('after disposal nothing runs, not even what was being compiled', async () => {
  const { freed, program } = counter();
  const cache = new ProgramCache(2);
  await run(cache, 'a', program('a'));
  const pending = run(cache, 'b', program('b'));
  const [ended] = await Promise.all([Promise.allSettled([pending]), cache.dispose()]);
  expect(ended).toMatchObject([{ status: 'rejected', reason: { message: 'The model was disposed. Load it again.' } }]);
  expect(freed).toEqual(['a', 'b']);
  await expect(run(cache, 'a', program('a'))).rejects.toThrow('The model was disposed.');
});

test('what is held is not freed for another, but when the cache is disposed', async () => {
  const { freed, program } = counter();
  const cache = new ProgramCache(1);
  const held = await cache.hold('a', program('a'));
  await run(cache, 'b', program('b'));
  await run(cache, 'c', program('c'));
  await Promise.resolve();
  expect(freed).toEqual(['b']);
  held.release();
  held.release();
  await run(cache, 'd', program('d'));
  await Promise.resolve();
  expect(freed).toEqual(['b', 'a', 'c']);
  const last = await cache.hold('e', program('e'));
  await cache.dispose();
  expect(freed).toContain('e');
  expect(() => last.program.run([])).toThrow('e was freed');
});
