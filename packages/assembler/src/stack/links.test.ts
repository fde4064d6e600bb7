import type { LinkSpec, MixerFactory, Plugin } from '@tessera/plugin';
import { defineMixer, fields } from '@tessera/plugin';
import { add, mul } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { createAssembler } from '../assembler.ts';

type Nothing = Record<never, never>;

const follower: MixerFactory<Nothing, Nothing, Nothing> = defineMixer({
  contract: 'sequence-mixer/1',
  name: 'toys:follower',
  config: fields<Nothing>({}, { default: {} }),
  params: () => ({}),
  reads: { earlier: 'positions' },
  forward: ({ x, links }) => ({ y: add(x, links!['earlier']!) }),
});
const leader: MixerFactory<Nothing, Nothing, Nothing> = defineMixer({
  contract: 'sequence-mixer/1',
  name: 'toys:leader',
  config: fields<Nothing>({}, { default: {} }),
  params: () => ({}),
  forward: ({ x }) => ({ y: x, links: { doubled: mul(x, 2) } }),
});
const toys: Plugin = { contract: 'plugin/1', name: 'toys', mixers: [leader, follower] };

async function refusal(links: readonly LinkSpec[]): Promise<string> {
  const layers = [{ mixer: leader({}) }, { mixer: { ...follower({}), links } }];
  const made = createAssembler({ plugins: [toys] }).assemble({ vocabSize: 4, dModel: 2, maxPositions: 4, layers });
  return made.then(
    () => 'taken',
    (error: Error) => error.message,
  );
}

const link = { input: 'earlier', layer: 0, output: 'doubled' };

test('a link to what a layer gives is taken, and to the residual stream as well', async () => {
  expect(await refusal([link])).toBe('taken');
  expect(await refusal([{ ...link, output: 'x' }])).toBe('taken');
});

test('a link to what the layer does not give is refused when the model is assembled', async () => {
  expect(await refusal([{ ...link, output: 'tripled' }])).toBe(
    "spec.layers.1.mixer.links: 'earlier' reads 'tripled' of layer 0, which gives x, input, doubled.",
  );
});

test('a link that is missing, or given twice, is refused', async () => {
  expect(await refusal([])).toBe(
    "spec.layers.1.mixer: toys:follower reads 'earlier' of an earlier layer. Add { input: 'earlier', layer, output } to its links.",
  );
  expect(await refusal([link, { ...link, output: 'x' }])).toBe(
    "spec.layers.1.mixer.links: 'earlier' is given 2 times. Give it once.",
  );
});
