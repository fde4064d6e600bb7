import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { feedForwardByHand, feedForwardSpec } from '../examples/feed-forward.ts';

test('the example multiplies an activated map by another', async () => {
  expect(await feedForwardByHand()).toEqual([10, 0]);
});

test('the spec of the example names the feed-forward in full', () => {
  expect(feedForwardSpec()).toEqual({
    type: '@tessera/feedforward:gated',
    config: { hidden: 2048, activation: 'silu' },
  });
});

test('the README shows the example as it is', () => {
  const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  const regions = [...text('../examples/feed-forward.ts').matchAll(/#region \w+\n([\s\S]*?)\n *\/\/ #endregion/g)];
  expect(regions).toHaveLength(2);
  for (const [, code] of regions)
    expect(text('../README.md')).toContain(`\`\`\`ts\n${code!.replace(/^ {2}/gm, '')}\n\`\`\``);
});
