import { readFileSync } from 'node:fs';
import { validate } from '@tessera/plugin';
import { expect, test } from 'vitest';
import { mixtureByHand, mixtureSpec } from '../examples/mixture.ts';
import { mixture } from './mixture.ts';

test('the example sends each token through its expert', async () => {
  expect(await mixtureByHand()).toEqual([18, 25]);
});

test('the spec of the example is one that the mixture takes', () => {
  const { type, config } = mixtureSpec();
  expect(type).toBe('@tessera/feedforward-moe:mixture');
  const site = { config: validate(mixture.config, config, 'config'), dModel: 256, layer: 0, layers: 1 };
  expect(mixture.params(site).gate_proj.shape).toEqual([64, 512, 256]);
});

test('the README shows the example as it is', () => {
  const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  const regions = [...text('../examples/mixture.ts').matchAll(/#region \w+\n([\s\S]*?)\n *\/\/ #endregion/g)];
  expect(regions).toHaveLength(2);
  for (const [, code] of regions)
    expect(text('../README.md')).toContain(`\`\`\`ts\n${code!.replace(/^ {2}/gm, '')}\n\`\`\``);
});
