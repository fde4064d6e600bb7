import { expect, test } from 'vitest';
import { memorySource } from './memory-source.ts';
import { readPublishedConfig } from './read-published-config.ts';

const read = (files: Record<string, object>): Promise<unknown> =>
  readPublishedConfig(
    memorySource(Object.fromEntries(Object.entries(files).map(([name, json]) => [name, JSON.stringify(json)]))),
  );

test('config.json comes first', async () => {
  expect(await read({ 'config.json': { a: 1 }, 'hparams.json': { b: 2 }, 'meta.json': { item: 'c' } })).toEqual({
    a: 1,
  });
});

test('settings of a paper have the name that stands beside them', async () => {
  const files = { 'hparams.json': { width: 8 }, 'meta.json': { item: 'grouped_latent_gla', variant: 'a' } };
  expect(await read(files)).toEqual({ model_type: 'grouped_latent_gla', width: 8 });
});

test('variants have the name of their family', async () => {
  const files = { 'hparams.json': { dim: 8 }, 'meta.json': { item: 'linearized_flash_plain' } };
  expect(await read(files)).toEqual({ model_type: 'linearized_flash', dim: 8 });
});

test.each([
  {},
  { 'hparams.json': {} },
  { 'hparams.json': {}, 'meta.json': { item: 3 } },
  { 'meta.json': { item: 'a' } },
])('of %o config.json is what is missing', async (files) => {
  await expect(read(files)).rejects.toThrow('memory: there is no config.json.');
});
