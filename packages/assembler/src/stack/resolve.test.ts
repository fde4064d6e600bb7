import type { LayerSpec } from '@tessera/plugin';
import { isTesseraError } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { LanguageModelGraph } from '../model/language-model.ts';
import { Registry } from '../registry.ts';
import { families, hybridSpec } from '../test-models.test-data.ts';
import { resolveSpec } from './resolve.ts';

const registry = new Registry(families);

/** Message of the error that a spec gives. */
function refusal(spec: unknown): string {
  try {
    new LanguageModelGraph(resolveSpec(spec, registry));
  } catch (error) {
    return isTesseraError(error) && error.code === 'INVALID_SPEC' ? error.message : String(error);
  }
  return 'taken';
}

function withThirdLayer(layer: LayerSpec): unknown {
  return { ...hybridSpec, layers: hybridSpec.layers.map((given, index) => (index === 2 ? layer : given)) };
}

const attention = '@tessera/attention-softmax:softmax-attention';

test.each<[string, unknown, string]>([
  [
    'a setting out of its range',
    withThirdLayer({ mixer: { type: attention, config: { heads: -1 } } }),
    'spec.layers.2.mixer.config.heads is -1, expected a whole number from 1.',
  ],
  [
    'a setting that is missing',
    withThirdLayer({ mixer: { type: attention } }),
    'spec.layers.2.mixer.config.heads is missing, expected a whole number from 1.',
  ],
  [
    'a setting that does not exist',
    withThirdLayer({ feedForward: { type: '@tessera/feedforward:gated', config: { hidden: 4, size: 4 } } }),
    'spec.layers.2.feedForward.config.size is not known; known are hidden, activation, bias.',
  ],
  [
    'settings that do not fit each other',
    withThirdLayer({ mixer: { type: attention, config: { heads: 5 } } }),
    'spec.layers.2.mixer.config.heads is 5, and dModel 12 does not divide into 5 heads. Set headDim.',
  ],
  [
    'a part of the layer that does not exist',
    withThirdLayer({ attention: { type: attention } } as LayerSpec),
    'spec.layers.2.attention is not known; known are mixer, feedForward, mixerNorm, mixerOutputNorm, feedForwardNorm, feedForwardOutputNorm, residual, residualMultiplier, mixerFactors, feedForwardFactors, residualDropout.',
  ],
  [
    'a residual of another kind',
    withThirdLayer({ residual: 'serial' as 'parallel' }),
    "spec.layers.2.residual is \"serial\", expected one of 'sequential', 'parallel', 'normed'.",
  ],
  ['no vocabulary', { ...hybridSpec, vocabSize: 0 }, 'spec.vocabSize is 0, expected a whole number from 1.'],
  ['no list of layers', { ...hybridSpec, layers: {} }, 'spec.layers is {}, expected a list.'],
  ['no spec', null, 'spec is null, expected a record.'],
  [
    'two mistakes',
    { ...hybridSpec, dModel: 1.5, maxPositions: -1 },
    'spec.dModel is 1.5, expected a whole number from 1. spec.maxPositions is -1, expected a whole number from 1.',
  ],
  [
    'fewer learned positions than positions',
    { ...hybridSpec, embedding: { positions: 8 } },
    'spec.embedding.positions is 8, expected at least maxPositions = 256: each position needs a row.',
  ],
])('%s is refused by its path', (_, spec, message) => {
  expect(refusal(spec)).toBe(message);
});

test('a link to a later layer, to the layer itself, or to nothing is refused', () => {
  const link = { input: 'values', layer: 2, output: 'x' };
  const mixer = { type: attention, config: { heads: 2 } };
  expect(refusal(withThirdLayer({ mixer: { ...mixer, links: [link] } }))).toBe(
    "spec.layers.2.mixer.links: 'values' reads layer 2, which is not an earlier one. Links go from earlier layers to later ones.",
  );
  expect(refusal(withThirdLayer({ mixer: { ...mixer, links: [{ ...link, layer: 7 }] } }))).toMatch(
    /reads layer 7, which/,
  );
  expect(refusal(withThirdLayer({ mixer: { ...mixer, links: [{ ...link, layer: 1 }] } }))).toBe(
    `spec.layers.2.mixer.links: ${attention} does not read 'values'; it reads nothing of other layers.`,
  );
  expect(refusal(withThirdLayer({ mixer: { ...mixer, links: [{ layer: 1, output: 'x' } as never] } }))).toBe(
    'spec.layers.2.mixer.links.0.input is missing, expected a text.',
  );
});

test('a part that is not registered is refused with the package to install', () => {
  const resolve = (type: string): unknown => resolveSpec(withThirdLayer({ mixer: { type } }), registry);
  expect(() => resolve('@acme/mixers:memory')).toThrow(
    "spec.layers.2.mixer: no mixer '@acme/mixers:memory' is registered. Install @acme/mixers and hand its plugin to createAssembler({ plugins: […] }).",
  );
  expect(() => resolve('@tessera/attention-linear:mamba')).toThrow(
    "spec.layers.2.mixer: no mixer '@tessera/attention-linear:mamba' is registered. @tessera/attention-linear has no mixer of that name; known are",
  );
  expect(() => resolve('mamba')).toThrow(
    "spec.layers.2.mixer: no mixer 'mamba' is registered. Names are of the form 'npm-package:part'.",
  );
  expect(() => resolveSpec({ ...hybridSpec, finalNorm: { type: '@acme/norms:group' } }, registry)).toThrow(
    "spec.finalNorm: no norm '@acme/norms:group' is registered. Install @acme/norms",
  );
});

test('what a resolved spec holds is plain JSON', () => {
  const { spec } = resolveSpec(hybridSpec, registry);
  expect(resolveSpec(JSON.parse(JSON.stringify(spec)), registry).spec).toEqual(spec);
});
