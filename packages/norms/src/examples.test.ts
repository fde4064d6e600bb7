import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { normSpec, normalise } from '../examples/normalise.ts';

test('the norm of the example divides by the root of the mean square', async () => {
  const expected = [1.2, 1.6, 0, 0, 1, 1, 1, 2];
  (await normalise()).forEach((value, index) => expect(value).toBeCloseTo(expected[index]!, 6));
});

test('the spec of the example names the norm in full', () => {
  expect(normSpec()).toEqual({ type: '@tessera/norms:rms', config: { eps: 1e-5 } });
});

test('the README shows the example as it is', () => {
  const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  const regions = [...text('../examples/normalise.ts').matchAll(/#region \w+\n([\s\S]*?)\n *\/\/ #endregion/g)];
  expect(regions).toHaveLength(2);
  for (const [, code] of regions)
    expect(text('../README.md')).toContain(`\`\`\`ts\n${code!.replace(/^ {2}/gm, '')}\n\`\`\``);
});
