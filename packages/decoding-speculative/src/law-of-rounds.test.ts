import { placeOf, processedDistribution } from '@tessera/sampling';
import type { SamplingOptions } from '@tessera/sampling';
import { expect, test } from 'vitest';
import type { Acceptance, AcceptanceCall } from './acceptance/accept-draft.ts';
import { acceptDraft } from './acceptance/accept-draft.ts';
import { chiSquare } from './acceptance/chi-square.test-support.ts';
import { V, tableLogits, textProbabilities } from './acceptance/table-models.test-support.ts';
import { approximateTypicalAcceptance } from './acceptance/typical-acceptance.ts';
import { draftNumbers } from './random-streams.ts';
import { Rounds } from './rounds.ts';
import { draftModel } from './sources/draft-model.ts';
import type { DraftSource } from './sources/draft-source.ts';
import { promptLookup } from './sources/prompt-lookup.ts';
import { tableSession, tableTarget } from './table-session.test-support.ts';

// As `law-of-texts.test.ts`, through everything that stands around acceptance: draft sources, rows of a batch, options of
// sampling with what depends on the text, random streams, and what is committed.

const prompt = [3, 1, 4, 1];
const [rowsAtOnce, emitted] = [1000, 3];
const logits = tableLogits(1);
const target = tableTarget(logits);

/** Proposes by a tree of which each token is drawn from a table, without regard to any option. */
const trees: DraftSource = {
  name: 'trees',
  trees: true,
  cost: () => 0,
  open: ({ rows }) =>
    Promise.resolve({
      propose: (most) =>
        Promise.resolve(
          rows.map(({ prompt: given, generated, sampling, row }, b) => {
            if (most[b] === 0) return { tokens: [] };
            const [text, tokens, q]: [number[], number[], Float32Array[]] = [[...given, ...generated], [], []];
            const parents = [-1, -1, 0, 0, 1];
            const own = tableLogits(2);
            for (const [node, parent] of parents.entries()) {
              const path = parent < 0 ? text : [...text, tokens[parent]!];
              q.push(processedDistribution(own(path).slice(), { prompt: path, generated: [] }, { temperature: 1 }));
              const step = generated.length + (parent < 0 ? 0 : 1);
              tokens.push(placeOf(q[node]!, draftNumbers({ seed: sampling.seed ?? 0, step, row })(8 + node)));
            }
            return { tokens, parents, drawn: { q, replacement: true } };
          }),
        ),
    }),
};

/** How often each text of three tokens came. */
async function countTexts(
  source: DraftSource,
  sampling: SamplingOptions,
  { accept, batches }: { accept: (call: AcceptanceCall) => Acceptance; batches: number },
): Promise<Float64Array> {
  const counts = new Float64Array(V ** emitted);
  for (let seed = 0; seed < batches; seed++) {
    const rows = Array.from({ length: rowsAtOnce }, (_, row) => ({
      prompt, generated: [] as number[], row, limit: emitted, sampling: { ...sampling, seed },
    })); // prettier-ignore
    const session = tableSession(logits, rowsAtOnce);
    await session.read(rows.map(() => prompt.slice(0, -1)));
    const rounds = new Rounds({
      target, session, rows, source: await source.open({ target, rows, capacity: 64 }), sourceName: source.name, accept, longest: 2,
      cost: undefined,
    }); // prettier-ignore
    while (!rows.every((_, b) => rounds.isDone(b))) await rounds.round();
    for (const { generated } of rows) counts[generated.reduce((sum, token) => sum * V + token, 0)]!++;
  }
  return counts;
}

function pairsOf(counts: Float64Array): Float64Array {
  const pairs = new Float64Array(V ** 2);
  counts.forEach((count, text) => (pairs[Math.floor(text / V)]! += count));
  return pairs;
}

/** Some of it depends on the text. */
const narrowed: SamplingOptions = {
  temperature: 0.9,
  topK: 6,
  topP: 0.9,
  repetitionPenalty: 1.3,
  presencePenalty: 0.5,
};

test.each<[string, DraftSource, SamplingOptions]>([
  ['11.1: of a draft model', draftModel(tableTarget(tableLogits(2))), { temperature: 1 }],
  ['11.1: of a look-up', promptLookup(), { temperature: 1 }],
  ['11.2: of a draft model at another temperature', draftModel(tableTarget(tableLogits(2)), { temperature: 1.7 }), narrowed],
  ['11.2: of trees', trees, narrowed],
])('speculative %s: rounds leave the joint law of two and of three tokens as it is', { timeout: 60_000 }, async (_, source, sampling) => {
  const p = (text: readonly number[]): Float32Array =>
    processedDistribution(logits([...prompt, ...text]).slice(), { prompt, generated: text }, sampling);
  const counts = await countTexts(source, sampling, { accept: acceptDraft, batches: 100 });
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(100_000);
  const two = chiSquare(pairsOf(counts), textProbabilities(p, 2));
  expect(two.statistic).toBeLessThan(two.limit);
  const three = chiSquare(counts, textProbabilities(p, 3));
  expect(three.statistic).toBeLessThan(three.limit);
}); // prettier-ignore

test('speculative 11.7: with typical acceptance rounds have another law', { timeout: 60_000 }, async () => {
  const sampling = { temperature: 1 };
  const p = (text: readonly number[]): Float32Array =>
    processedDistribution(logits([...prompt, ...text]).slice(), { prompt, generated: text }, sampling);
  const source = draftModel(tableTarget(tableLogits(2)));
  const counts = await countTexts(source, sampling, {
    accept: (call) => approximateTypicalAcceptance(call),
    batches: 20,
  });
  const { statistic, limit } = chiSquare(pairsOf(counts), textProbabilities(p, 2));
  expect(statistic).toBeGreaterThan(3 * limit);
});
