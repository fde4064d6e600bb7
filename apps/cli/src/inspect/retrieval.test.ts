import { expect, test } from 'vitest';
import { caseDirectory, smallModel } from '../testing/checkpoints.test-support.ts';
import { runTessera } from '../testing/run-tessera.test-support.ts';
import type { RetrievalReport } from './retrieval.ts';
import { retrievalText } from './retrieval.ts';

const mosaic = caseDirectory('memory_mosaics_nano-plain');
const ids = ['--retrieval-ids', '4,9,7,4,9,5'];

test('heads of all contextual memories are shown with what they read at the end', async () => {
  const { status, stdout } = await runTessera(['inspect', mosaic, ...ids, '--top', '2']);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^what each head reads at position 5, 5\n\nlayer  head  pairs by weight\n/);
  // Two heads in each of two memories, with two pairs each; a pair is its token and the next one.
  expect(stdout.match(/^ +[02] +[01]  (?:[01]\.\d\d at \d: \d → \d(?: {3}|$)){2}/gm)).toHaveLength(4);
});

test('as JSON there is every position, of which none reads a pair that is not complete', async () => {
  const { stdout } = await runTessera(['inspect', mosaic, ...ids, '--top', '9', '--json']);
  const report = JSON.parse(stdout) as RetrievalReport;
  expect(report).toMatchObject({ tokenIds: [4, 9, 7, 4, 9, 5], tokens: null });
  expect(report.heads.map(({ layer, head }) => [layer, head])).toEqual([[0, 0], [0, 1], [2, 0], [2, 1]]); // prettier-ignore
  for (const { positions } of report.heads)
    for (const [position, pairs] of positions.entries()) {
      expect(pairs.length).toBeLessThanOrEqual(position);
      expect(pairs.every((pair) => pair.position < position)).toBe(true);
      expect(pairs.reduce((total, { weight }) => total + weight, 0)).toBeCloseTo(position === 0 ? 0 : 1, 5);
    }
});

test('tokens of a text are shown as texts', () => {
  const pair = { position: 1, weight: 0.75 };
  const report = { tokenIds: [1, 2, 3], tokens: ['a', ' b', '\n'], heads: [{ layer: 4, head: 0, positions: [[], [], [pair]] }] }; // prettier-ignore
  expect(retrievalText(report)).toContain('4     0  0.75 at 1: " b" → "\\n"');
});

test('what cannot be shown is refused with what to do', async () => {
  const refusal = async (...argv: string[]): Promise<string> => (await runTessera(['inspect', ...argv])).stderr;
  expect(await refusal(mosaic, '--retrieval', 'a text')).toContain('this checkpoint has no tokenizer. Give --retrieval-ids'); // prettier-ignore
  expect(await refusal(smallModel, '--retrieval', 'a text')).toContain('Take a model with contextual memories.');
  expect(await refusal(mosaic, '--retrieval', 'a', ...ids)).toContain('and both were given');
  expect(await refusal('--capabilities', ...ids)).toContain('retrieves nothing');
});
