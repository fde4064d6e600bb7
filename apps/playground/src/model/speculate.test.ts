import type { Model, StreamEvent } from '@tessera/assembler';
import { createAssembler } from '@tessera/assembler';
import { softmax, softmaxAttention } from '@tessera/attention-softmax';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { speculate } from './speculate.ts';

const assembler = createAssembler({ plugins: [softmax] });
const assemble = (dModel: number, seed: number): Promise<Model> =>
  assembler.assemble(
    { vocabSize: 4, dModel, maxPositions: 1024, layers: [{ mixer: softmaxAttention({ heads: 2, rotary: {} }) }] },
    { device: 'cpu', seed },
  );

let model: Model;
let other: Model;
beforeAll(async () => {
  [model, other] = await Promise.all([assemble(8, 1), assemble(8, 2)]);
});
afterAll(() => Promise.all([model.dispose(), other.dispose()]));

const prompt = [1, 2, 3, 1, 2, 3];
const sampled = { temperature: 1, seed: 5, maxNewTokens: 900 };

interface Told {
  readonly ids: readonly number[];
  readonly accepted: readonly boolean[];
  readonly rejected: readonly number[][];
  readonly end: Extract<StreamEvent, { type: 'end' }>;
}

/** Continues the prompt, and asks of each token where it came from. */
async function watch(wish: 'lookup' | 'draft', draft?: Model, options: object = sampled): Promise<Told & Counted> {
  const { decoder, drafts } = speculate(wish, draft);
  const [ids, accepted, rejected] = [[] as number[], [] as boolean[], [] as number[][]];
  for await (const event of model.stream(prompt, { ...options, decoder })) {
    if (event.type === 'end') return { ids, accepted, rejected, end: event, counts: drafts.counts };
    const origin = drafts.next();
    ids.push(event.tokenId);
    accepted.push(origin.accepted);
    rejected.push([...origin.rejected]);
  }
  throw new Error('The stream has no end.');
}

interface Counted {
  readonly counts: { readonly rounds: number; readonly drafted: number; readonly accepted: number };
}

test.each<['lookup' | 'draft', () => Model | undefined]>([
  ['lookup', () => undefined],
  ['draft', () => other],
])('tells of each token of a text by %s where it came from, and counts as the result does', async (wish, draft) => {
  const { ids, accepted, rejected, end, counts } = await watch(wish, draft());
  const { rounds, drafted, accepted: stayed } = end.result.speculation!;
  expect(counts).toEqual({ rounds, drafted, accepted: stayed });
  expect(accepted.filter(Boolean)).toHaveLength(stayed);
  expect(rejected.flat()).toHaveLength(drafted - stayed);
  expect(stayed).toBeGreaterThan(1);
  expect(rejected.flat().length).toBeGreaterThan(1);
  // What is rejected stands at the place of the token that the model chose in its stead.
  const places = rejected.flatMap((proposed, place) => (proposed.length > 0 ? [place] : []));
  expect(places.filter((place) => accepted[place] || rejected[place]![0] === ids[place])).toEqual([]);
});

test('a draft that is the model itself is never rejected while nothing is drawn', async () => {
  const { accepted, rejected, counts } = await watch('draft', model, { maxNewTokens: 40 });
  expect(rejected.flat()).toEqual([]);
  expect(counts.accepted).toBe(counts.drafted);
  expect(accepted.filter((is) => !is)).toHaveLength(counts.rounds);
});

test('a model that proposes has to be there', () => {
  expect(() => speculate('draft', undefined)).toThrow('There is no model that proposes. Choose one, or look-ups.');
});
