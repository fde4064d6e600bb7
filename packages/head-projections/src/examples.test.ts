import { readFileSync } from 'node:fs';
import { validate, fields } from '@tessera/plugin';
import { expect, test } from 'vitest';
import { shapesOfHeads } from '../examples/project.ts';
import { headFields, headSizes } from './projections.ts';
import type { HeadsConfig } from './projections.ts';

test('queries, keys and values of the example have the shapes that it says', () => {
  expect(shapesOfHeads()).toEqual([
    [1, 5, 4, 8],
    [1, 5, 2, 8],
    [1, 5, 2, 8],
    [32, 32],
    [16, 32],
    [16, 32],
    [32, 32],
  ]);
});

test('heads that do not divide are refused', () => {
  const read = (config: HeadsConfig): Required<HeadsConfig> =>
    validate(fields<HeadsConfig>(headFields), config, 'config');
  expect(() => headSizes(read({ heads: 3 }), 32)).toThrow('dModel 32 does not divide into 3 heads. Set headDim.');
  expect(() => headSizes(read({ heads: 4, kvHeads: 3 }), 32)).toThrow('4 heads do not divide into 3 kvHeads.');
});

test('the README shows the example as it is', () => {
  const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  const [, code] = /#region \w+\n([\s\S]*?)\n *\/\/ #endregion/.exec(text('../examples/project.ts'))!;
  expect(text('../README.md')).toContain(`\`\`\`ts\n${code!.replace(/^ {2}/gm, '')}\n\`\`\``);
});
