import type { LayerSpec } from '@tessera/plugin';
import { modelSpecSchema, validate } from '@tessera/plugin';
import { describe, expect, test } from 'vitest';
import { publishedNames } from '../../rule-names.ts';
import { memoryMosaicsLibrary } from './memory-mosaics-library.ts';
import { memoryMosaicsNano } from './memory-mosaics-nano.ts';

const sizes = { vocab_size: 16, n_embd: 8, n_head: 2, n_layer: 2, block_size: 32, pmem_size: 6 };

const library = { model_type: 'memory_mosaics_library', ...sizes, ic_dropout: 0, hd_dropout: 0 };
const nano = { model_type: 'memory_mosaics_nano', ...sizes };

const contextual = '@tessera/mixers-memory-mosaic:contextual-memory';
const persistent = '@tessera/mixers-memory-mosaic:persistent-memory';

const layersOf = (given: object): readonly LayerSpec[] =>
  memoryMosaicsLibrary.toSpec({ ...library, ...given }).spec.layers;
const namesOf = (given: object): string[] =>
  memoryMosaicsLibrary.rules({ ...library, ...given }).flatMap(publishedNames);

describe('of the library', () => {
  test('a block is two layers, each of a norm and a memory', () => {
    const layers = layersOf({});
    expect(layers.map(({ mixer }) => mixer!.type)).toEqual([contextual, persistent, contextual, persistent]);
    expect(layers[0]).toEqual({
      mixerNorm: { type: '@tessera/norms:layer', config: { eps: 1e-5, bias: false } },
      mixer: { type: contextual, config: { heads: 2, keyTaps: 1, lookAhead: 1, maxKeyScale: 5 } },
    });
    expect(layers[1]!.mixer!.config).toEqual({ heads: 2, keyTaps: 1, slots: 6, stores: 1, maxKeyScale: 10 }); // prettier-ignore
    expect(memoryMosaicsLibrary.toSpec(library).spec.head).toEqual({ tied: true, multiplier: 8 ** -0.5 });
  });

  test('without stores there are contextual memories alone', () => {
    expect(layersOf({ attn_only: true }).map(({ mixer }) => mixer!.type)).toEqual([contextual, contextual]);
    expect(namesOf({ attn_only: true }).filter((name) => /pmem|ln2/.test(name))).toEqual([]);
  });

  test('what its norm gives is what a memory is added to where pre_ln is false', () => {
    expect(layersOf({ pre_ln: false }).map(({ residual }) => residual)).toEqual(Array.from({ length: 4 }, () => 'normed')); // prettier-ignore
  });

  test('features of several taps are maps of their own', () => {
    const given = { k_kernel_size: 3, v_fe_type: 'linearconv', v_kernel_size: 2, v_shift: 2 };
    expect(layersOf(given)[0]!.mixer!.config).toMatchObject({ keyTaps: 3, valueTaps: 2, lookAhead: 2 });
    const rules = memoryMosaicsLibrary.rules({ ...library, ...given });
    expect(rules).toContainEqual({ kind: 'rename', published: 'blocks.1.attn.v_featurizer.conv.weight', ours: 'layers.2.mixer.v_proj' }); // prettier-ignore
    expect(namesOf(given).filter((name) => name.includes('coef'))).toEqual([]);
  });

  test('a mixed map of keys is that map, and its mixture is carried along', () => {
    const given = { k_fe_type: 'lowrlinearconv', k_kernel_size: 2 };
    expect(layersOf(given)[0]!.mixer!.config).toMatchObject({ keyTaps: 1 });
    expect(namesOf(given)).toContain('blocks.0.pmem.k_featurizer.linear.weight');
    expect(memoryMosaicsLibrary.ignored!.some((name) => name.test('blocks.0.attn.k_featurizer.coef'))).toBe(true);
    expect(memoryMosaicsLibrary.ignored!.some((name) => name.test('blocks.0.attn.v_featurizer.coef'))).toBe(false);
  });

  test('several stores are one tensor', () => {
    expect(memoryMosaicsLibrary.rules({ ...library, pmem_count: 2 })).toContainEqual({
      kind: 'regroup',
      published: ['blocks.0.pmem.pmem.M_k0', 'blocks.0.pmem.pmem.M_k1'],
      rows: [1, 1],
      ours: ['layers.1.mixer.stored_keys'],
      sizes: [2],
    });
  });

  test('a head of its own is read where weight_tying is false, and both names of a tied one', () => {
    expect(namesOf({ weight_tying: false })).toContain('head.weight');
    const present = new Map([
      ['emb.weight', [16, 8]],
      ['head.weight', [16, 8]],
    ]);
    expect(memoryMosaicsLibrary.rules(library, present)[1]).toMatchObject({ kind: 'copy', published: 'head.weight' });
  });

  test('it drops weights of retrievals and what memories add', () => {
    const [first, second] = layersOf({ ic_dropout: 0.25, hd_dropout: 0.5 });
    for (const layer of [first!, second!])
      expect(layer).toMatchObject({ residualDropout: 0.5, mixer: { config: { dropout: 0.25 } } });
    const { ic_dropout: _, hd_dropout: __, ...absent } = library;
    expect(memoryMosaicsLibrary.toSpec(absent).spec.layers[0]).toMatchObject({ residualDropout: 0.05, mixer: { config: { dropout: 0.05 } } }); // prettier-ignore
    expect(layersOf({})[0]).not.toHaveProperty('residualDropout');
  });
});

describe('of nanoMosaics', () => {
  test('a block is two layers, and scalars have axes of 1 that ours lack', () => {
    const { spec } = memoryMosaicsNano.toSpec({ ...nano, pmem_count: 2, dropout: 0.1 });
    validate(modelSpecSchema, spec, 'spec');
    const config = { heads: 2, bias: true, dropout: 0.1, maxKeyScale: Math.log(65_535) };
    expect(spec.layers.map(({ mixer }) => mixer!.config)).toMatchObject([config, { ...config, slots: 6, stores: 2 }, config, {}]); // prettier-ignore
    expect(spec).toMatchObject({ embedding: { dropout: 0.1 }, head: { tied: true } });
    expect(spec.layers[0]!.residualDropout).toBe(0.1);
    expect(memoryMosaicsNano.rules(nano)).toContainEqual({
      kind: 'rename',
      published: 'mosaic.h.1.attn.v_featurizer.coef',
      ours: 'layers.2.mixer.peek',
      squeezed: [0, 2, 3],
    });
  });

  test('masks and exponents of a state dict are carried along', () => {
    for (const name of ['mosaic.h.0.attn.bias', 'mosaic.h.1.mlp.k_featurizer.leaky_avg.coef'])
      expect(memoryMosaicsNano.ignored!.some((pattern) => pattern.test(name))).toBe(true);
    for (const name of memoryMosaicsNano.rules(nano).flatMap(publishedNames))
      expect(memoryMosaicsNano.ignored!.some((pattern) => pattern.test(name))).toBe(false);
  });
});

test('a longer context needs nothing but room, and is told', () => {
  const { spec, warnings } = memoryMosaicsNano.toSpec(nano, { contextLength: 64 });
  expect(spec.maxPositions).toBe(64);
  expect(warnings).toEqual([
    "config.json (model_type 'memory_mosaics_nano'): block_size is 32, fewer than the declared context of 64 positions.",
  ]);
});

test.each([
  [{ v_kernel_size: 3 }, "field 'v_kernel_size' is 3"],
  [{ k_fe_type: 'lowrlinearconv' }, "field 'k_kernel_size'"],
  [{ v_fe_type: 'reluconv' }, 'field \'v_fe_type\' is "reluconv"'],
  [{ n_head: 3 }, "field 'n_embd' is 8"],
  [{ v_shift: -1 }, "field 'v_shift' is -1"],
  [{ pmem_size: 0 }, "field 'pmem_size' is 0"],
  [{ att_shift: 1 }, "field 'att_shift' is 1"],
])('%o is refused by name', (given, message) => {
  expect(() => layersOf(given)).toThrow(message);
});
