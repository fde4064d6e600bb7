import { layoutOf } from '@tessera/checkpoints';
import { expect, test } from 'vitest';
import type { Mixing, Recipe } from '../protocol.ts';
import { countParameters } from './count-parameters.ts';
import { publishedConfig } from './published-config.ts';

const recipe = (mixing: Mixing, width: number, layers = 4): Recipe => ({
  mixing,
  width,
  layers,
  vocabulary: 512,
  context: 64,
  batch: 4,
  steps: 10,
  optimizer: 'adamw',
  learningRate: 0.01,
  seed: 0,
});
const widths = [16, 32, 64, 128, 192, 256, 384, 512];

test.each(widths)('models of width %i have about the same size, whatever mixes the positions', (width) => {
  const attention = countParameters(recipe('attention', width));
  expect(attention).toBeGreaterThan(512 * width);
  for (const mixing of ['hybrid', 'gated-delta-net'] as const)
    expect(Math.abs(countParameters(recipe(mixing, width)) / attention - 1)).toBeLessThan(0.1);
});

test('layouts are those that others know, and no field of the config is odd', () => {
  for (const mixing of ['attention', 'hybrid', 'gated-delta-net'] as const) {
    const config = publishedConfig(recipe(mixing, 64), 512);
    expect(layoutOf(config).toSpec(config).warnings).toEqual([]);
    expect(config['model_type']).toBe(mixing === 'attention' ? 'llama' : 'olmo_hybrid');
  }
});

test('a hybrid attends in every fourth layer and the last one', () => {
  const attending = (layers: number): number[] =>
    (publishedConfig(recipe('hybrid', 64, layers), 512)['layer_types'] as string[]).flatMap((type, layer) =>
      type === 'full_attention' ? [layer] : [],
    );
  expect(attending(6)).toEqual([3, 5]);
  expect(attending(2)).toEqual([1]);
});
