import { latentAttentions } from '@tessera/attention-latent';
import { linearAttention } from '@tessera/attention-linear';
import type { MixerSpec } from '@tessera/plugin';
import { isTesseraError } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { assembler } from './test-models.test-data.ts';

const linear = (mixer: string): `${string}:${string}` => `@tessera/attention-linear:${mixer}`;
const latent = (mixer: string): `${string}:${string}` => `@tessera/attention-latent:${mixer}`;

const heads = { heads: 4, keyDim: 4, valueDim: 4 };
const keyHeads = { keyHeads: 2, keyDim: 4, valueDim: 4 };
const unit = { keyDim: 4, valueDim: 6 };

/** Settings of each mixer that can be assembled, as short as they can be. */
const right: Readonly<Record<string, object>> = {
  [linear('kernel-attention')]: heads,
  [linear('retention')]: heads,
  [linear('lightning-attention')]: { ...heads, slopes: [1, 0.5, 0.25, 0.1] },
  [linear('gated-linear-attention')]: heads,
  [linear('simple-gated-linear-attention')]: heads,
  [linear('delta-net')]: heads,
  [linear('gated-delta-net')]: keyHeads,
  [linear('gated-delta-product')]: keyHeads,
  [linear('kimi-delta-attention')]: keyHeads,
  [linear('grouped-linear-attention')]: { heads: 2 },
  [linear('grouped-linear-encoder')]: { heads: 2 },
  [linear('grouped-cross-attention')]: { heads: 2 },
  [linear('gated-attention-unit')]: unit,
  [linear('whole-gated-attention-unit')]: { ...unit, form: 'grouped' },
  [linear('scaled-positions')]: {},
  [linear('short-convolution')]: {},
  [latent('multi-head-latent-attention')]: { heads: 2 },
  [latent('grouped-latent-attention')]: { heads: 2 },
  [latent('grouped-tied-attention')]: { heads: 2 },
};

/** What assembling a stack says whose second layer has this mixer; `taken` where it is made. */
async function refusal(type: string, config: object, dModel = 8): Promise<string> {
  const mixer = { type, config } as MixerSpec;
  try {
    const model = await assembler.assemble({ vocabSize: 5, dModel, maxPositions: 4, layers: [{}, { mixer }] }, { device: 'cpu' }); // prettier-ignore
    await model.dispose();
    return 'taken';
  } catch (error) {
    return isTesseraError(error) && error.code === 'INVALID_SPEC'
      ? error.message
      : `not INVALID_SPEC: ${String(error)}`;
  }
}

const all = [...(linearAttention.mixers ?? []), ...(latentAttentions.mixers ?? [])];

interface Schema {
  readonly type?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

/** Every setting below a schema, with the path to it. */
function settingsOf(schema: Schema, path: readonly string[] = []): [readonly string[], Schema][] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]): [readonly string[], Schema][] => [
    [[...path, key], inner],
    ...settingsOf(inner, [...path, key]),
  ]);
}

/** The settings with another value at a path. */
function changed(config: object, [key, ...rest]: readonly string[], value: unknown): object {
  const inner = (config as Readonly<Record<string, object | undefined>>)[key!] ?? (key === 'qkNorm' ? { over: 'head' } : {}); // prettier-ignore
  return { ...config, [key!]: rest.length === 0 ? value : changed(inner, rest, value) };
}

test('the table has every mixer of both families, with settings that are right', async () => {
  expect(Object.keys(right).toSorted()).toEqual(all.map(({ name }) => name).toSorted());
  for (const [type, config] of Object.entries(right)) expect([type, await refusal(type, config)]).toEqual([type, 'taken']); // prettier-ignore
});

describe.each(all.map(({ name, config }) => [name, (config as { jsonSchema?: Schema }).jsonSchema!] as const))(
  '%s: a value that a setting cannot have is refused by its path when a stack is assembled',
  (type, schema) => {
    const wrong = settingsOf(schema).flatMap(([path, { type: kind, minimum, maximum }]) => [
      [path.join('.'), path, kind === 'array' ? 5 : [7]] as const,
      ...(kind === 'integer' ? [[path.join('.'), path, 1.5] as const] : []),
      ...(minimum === undefined ? [] : [[path.join('.'), path, minimum - 1] as const]),
      ...(maximum === undefined ? [] : [[path.join('.'), path, maximum + 1] as const]),
    ]);
    test.each(wrong)('%s', async (name, path, value) => {
      const message = await refusal(type, changed(right[type]!, path, value));
      expect(message).toContain(`spec.layers.1.mixer.config.${name} is ${JSON.stringify(value)}, expected `);
    });

    test('a setting that there is none of', async () => {
      expect(await refusal(type, { ...right[type], windows: 3 })).toContain(
        'spec.layers.1.mixer.config.windows is not known; known are ',
      );
    });
  },
);

describe('settings that do not fit each other, or the width of the model, are refused by their path with a mend', () => {
  const unread = 'nothing reads it; leave it out.';
  const latentHeads = { heads: 6, latentHeads: 4 };
  test.each<[type: string, config: object, message: string]>([
    ['kernel-attention', { kvHeads: 3 }, 'heads is 4, expected a multiple of kvHeads = 3, since each of those is shared by as many; set 3 or 6.'], // prettier-ignore
    ['kernel-attention', { featureMap: 'dpfp' }, "normalize is true, expected false for the feature map 'dpfp'"],
    ['kernel-attention', { features: 5 }, `features is 5, and with featureMap: 'elu' ${unread}`],
    ['kernel-attention', { shifts: 2 }, `shifts is 2, and with featureMap: 'elu' ${unread}`],
    ['kernel-attention', { tiedFeatureMaps: true }, `tiedFeatureMaps is true, and with featureMap: 'elu' ${unread}`],
    ['kernel-attention', { normWeight: false }, `normWeight is false, and with outputNorm: 'none' ${unread}`],
    ['kernel-attention', { normEps: 0.1 }, `normEps is 0.1, and with outputNorm: 'none' ${unread}`],
    ['retention', { keyDim: 5 }, 'keyDim is 5, expected an even number, since its elements turn in pairs; set 6.'],
    ['retention', { kvHeads: 3 }, 'heads is 4, expected a multiple of kvHeads = 3'],
    ['lightning-attention', { slopes: [1] }, 'slopes has 1 numbers, expected one for each of 4 heads; take those of lightningSlopes.'], // prettier-ignore
    ['lightning-attention', { slopes: [1, 1, 1, -1] }, 'slopes.3 is -1, expected a number from 0.'],
    ['gated-linear-attention', { kvHeads: 8 }, 'heads is 4, expected a multiple of kvHeads = 8'],
    ['gated-linear-attention', { convolutionBias: true }, `convolutionBias is true, and with convolution: 0 ${unread}`],
    ['simple-gated-linear-attention', { outputGate: false, gateActivation: 'relu' }, `gateActivation is "relu", and with outputGate: false ${unread}`], // prettier-ignore
    ['delta-net', { convolution: 0, convolutionBias: true }, `convolutionBias is true, and with convolution: 0 ${unread}`], // prettier-ignore
    ['gated-delta-net', { valueHeads: 3 }, 'valueHeads is 3, expected a multiple of keyHeads = 2'],
    ['gated-delta-product', { valueHeads: 1 }, 'valueHeads is 1, expected a multiple of keyHeads = 2'],
    ['gated-delta-product', { householders: 0 }, 'householders is 0, expected a whole number from 1.'],
    ['kimi-delta-attention', { valueHeads: 5 }, 'valueHeads is 5, expected a multiple of keyHeads = 2'],
    ['grouped-linear-attention', { heads: 3 }, 'heads is 3, and dModel 8 does not divide into 3 heads. Set headDim.'],
    ['grouped-linear-attention', { heads: 4, kvHeads: 3 }, 'kvHeads is 3, and 4 heads do not divide into 3 kvHeads. Set kvHeads to a divisor of heads.'], // prettier-ignore
    ['grouped-linear-attention', { headDim: 3, rotary: {} }, 'headDim is 3, expected an even number: pairs of elements turn. Set rotary.dims.'], // prettier-ignore
    [
      'grouped-linear-attention',
      { rotary: { dims: 6 } },
      'rotary.dims is 6, expected an even number up to headDim = 4.',
    ],
    ['grouped-linear-attention', { parts: 'local', normGlobal: true }, "normGlobal is true, and with parts: 'local' nothing is global; leave it out or set parts: 'both'."], // prettier-ignore
    ['grouped-linear-attention', { parts: 'local', learnedFactors: 'global' }, "learnedFactors is 'global', and with parts: 'local' there is no global part"], // prettier-ignore
    ['grouped-linear-attention', { parts: 'local', globalFactor: 2 }, `globalFactor is 2, and with parts: 'local' ${unread}`], // prettier-ignore
    ['grouped-linear-attention', { parts: 'global', localFactor: 2 }, `localFactor is 2, and with parts: 'global' ${unread}`], // prettier-ignore
    ['grouped-linear-attention', { parts: 'global', weights: 'relu' }, `weights is "relu", and with parts: 'global' ${unread}`], // prettier-ignore
    [
      'grouped-linear-attention',
      { factorsOf: 'head' },
      `factorsOf is "head", and with learnedFactors: 'none' ${unread}`,
    ],
    ['grouped-linear-attention', { normEps: 0.1 }, `normEps is 0.1, and with no norm of the parts ${unread}`],
    ['grouped-linear-encoder', { convolution: 4 }, 'convolution is 4, expected an odd number of taps, as many ahead as back; set 5.'], // prettier-ignore
    ['grouped-cross-attention', { castling: true }, 'castling is true, and a query has no value of its own in the context; leave it out.'], // prettier-ignore
    ['gated-attention-unit', { rotary: { dims: 6 } }, 'rotary.dims is 6, expected an even number up to keyDim = 4.'],
    [
      'gated-attention-unit',
      { keyDim: 5, rotary: {} },
      'keyDim is 5, expected an even number: pairs of elements turn.',
    ],
    ['gated-attention-unit', { relative: { buckets: 8, maxDistance: 4 } }, 'relative has maxDistance 4, expected more than 4'], // prettier-ignore
    ['gated-attention-unit', { parts: 'global', weights: 'laplace' }, `weights is "laplace", and with parts: 'global' ${unread}`], // prettier-ignore
    ['whole-gated-attention-unit', { relative: { buckets: 3 } }, 'relative has 3 buckets, expected at least 4; set buckets: 4.'], // prettier-ignore
    ['whole-gated-attention-unit', { causal: true }, `causal is true, and with form: 'grouped' ${unread}`],
    ['whole-gated-attention-unit', { form: 'softmax', weights: 'relu' }, `weights is "relu", and with form: 'softmax' ${unread}`], // prettier-ignore
    ['whole-gated-attention-unit', { form: 'square', group: 4 }, `group is 4, and with form: 'square' ${unread}`],
    ['whole-gated-attention-unit', { form: 'square', castling: true }, `castling is true, and with form: 'square' ${unread}`], // prettier-ignore
    ['whole-gated-attention-unit', { parts: 'local', oneMemory: false }, `oneMemory is false, and with parts: 'local' ${unread}`], // prettier-ignore
    [
      'multi-head-latent-attention',
      { heads: 3 },
      'heads is 3, and dModel 8 does not divide into 3 heads. Set headDim.',
    ],
    ['multi-head-latent-attention', { rotaryDim: 3 }, 'rotaryDim is 3, expected an even number: pairs of elements turn. Set rotaryDim.'], // prettier-ignore
    ['multi-head-latent-attention', { headDim: 3 }, 'rotaryDim is 1.5, expected an even number'],
    ['multi-head-latent-attention', { rotaryDim: 0, rotary: {} }, 'rotary is given, and with rotaryDim: 0 there is no shared key to turn. Leave it out.'], // prettier-ignore
    ['multi-head-latent-attention', { rotary: { dims: 4 } }, 'rotary.dims is 4, expected an even number up to rotaryDim = 2.'], // prettier-ignore
    ['multi-head-latent-attention', { latentHeads: 2 }, 'latentHeads is not known; known are heads, headDim,'],
    ['multi-head-latent-attention', { rotary: { scaling: { type: 'cubic' } } }, 'rotary.scaling.type is "cubic", expected one of default, linear, dynamic, yarn, llama3, longrope.'], // prettier-ignore
    ['multi-head-latent-attention', { rotary: { scaling: { type: 'linear', factor: 0 } } }, 'rotary.scaling.factor is 0, expected a number from 0.000001.'], // prettier-ignore
    ['multi-head-latent-attention', { rotary: { scaling: { type: 'longrope', factors: [1, 2] } } }, 'rotary.scaling.factors has 2 numbers, expected one for each of 1 pairs.'], // prettier-ignore
    ['multi-head-latent-attention', { rotary: { scaling: { type: 'yarn', factor: 2, originalMaxPositions: 8, betaFast: 0 } } }, 'whose frequencies of 2 elements are not all finite numbers.'], // prettier-ignore
    ['grouped-latent-attention', latentHeads, 'latentHeads is 4, and 6 heads do not divide into 4 latentHeads. Set latentHeads to a divisor of heads.'], // prettier-ignore
    ['grouped-latent-attention', { pageSize: 0 }, 'pageSize is 0, expected a whole number from 1.'],
    ['grouped-latent-attention', { window: 0 }, 'window is 0, expected a whole number from 1.'],
    ['grouped-tied-attention', { heads: 4, kvHeads: 3 }, 'kvHeads is 3, and 4 heads do not divide into 3 kvHeads. Set kvHeads to a divisor of heads.'], // prettier-ignore
    ['grouped-tied-attention', { rotaryDim: 6 }, "rotaryDim is 6, expected up to headDim = 4: the shared key takes the place of a part of a head's. Set rotaryDim."], // prettier-ignore
    ['grouped-tied-attention', { rotaryDim: 0, sharedKeyBias: true }, 'sharedKeyBias is true, and with rotaryDim: 0 there is no shared key. Leave it out.'], // prettier-ignore
    ['grouped-tied-attention', { rotaryDim: 0, rotary: {} }, 'rotary is given, and with rotaryDim: 0 there is no shared key to turn. Leave it out.'], // prettier-ignore
  ])('%s %j', async (mixer, given, message) => {
    const type = Object.keys(right).find((name) => name.endsWith(`:${mixer}`))!;
    const config = { ...right[type], ...given };
    const said = await refusal(type, config, mixer.startsWith('grouped-latent') && 'latentHeads' in given ? 12 : 8); // prettier-ignore
    expect(said).toContain('spec.layers.1.mixer.config.');
    expect(said).toContain(message);
  });

  test('positions by sines need an even width', async () => {
    expect(await refusal(linear('scaled-positions'), {}, 7)).toContain('dModel is 7, expected an even number');
  });
});
