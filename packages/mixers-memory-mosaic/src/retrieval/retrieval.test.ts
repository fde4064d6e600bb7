import { CpuDevice, gather, iota, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { contextualMemory } from '../contextual/contextual-memory.ts';
import type { ContextualMemoryConfig } from '../contextual/contextual-config.ts';
import { Layer, drawn, rowsOf, values, whole } from '../layer.test-support.ts';
import { project, valuesOf } from '../memory.reference.ts';
import { persistentMemory } from '../persistent/persistent-memory.ts';
import { retrievalWeights } from './retrieval-weights.ts';
import { retrievalsOf, strongestPairs } from './retrievals-of.ts';
import type { ModelWithMemories } from './retrievals-of.ts';

const [D, T] = [6, 9];

function weightsOf(layer: Layer, x: Tensor, given: object = {}): Tensor {
  return retrievalWeights({
    params: layer.params as never,
    config: layer.config as ContextualMemoryConfig,
    x,
    positions: iota([1, T], 1),
    starts: zeros([1], 'i32'),
    lengths: whole([T]),
    ...given,
  });
}

describe('weights of a retrieval', () => {
  test('times the values they are what the memory gives', async () => {
    const layer = new Layer(contextualMemory({ heads: 1 }), D);
    const x = drawn('weighed', [1, T, D]);
    const weights = await rowsOf(weightsOf(layer, x));
    const rows = await rowsOf(x);
    const [psi, W] = await Promise.all([rowsOf(layer.params['v_proj']!), rowsOf(layer.params['o_proj']!)]);
    const [[nu], [c]] = await Promise.all([values(layer.params['value_scale']!), values(layer.params['peek']!)]);
    const known = valuesOf(rows, { phi: [], psi, beta: 0, kappa: 0, nu: 10 * nu!, c: c! });
    const given = await rowsOf(layer.forward(x));
    for (const [t, row] of weights.entries()) {
      const y = known.reduce((total, v, s) => total.map((value, i) => value + row[s]! * v[i]!), Array.from({ length: D }, () => 0)); // prettier-ignore
      for (const [i, value] of project(W, y).entries()) expect(value).toBeCloseTo(given[t]![i]!, 10);
      expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(t === 0 ? 0 : 1, 10);
      expect(row.slice(t).every((weight) => weight === 0)).toBe(true);
    }
  });

  test('a window, and looking further ahead, leave out pairs', async () => {
    const layer = new Layer(contextualMemory({ heads: 2, lookAhead: 2, window: 3 }), D);
    const rows = await rowsOf(weightsOf(layer, drawn('windowed', [1, T, D])));
    for (const [index, row] of rows.entries()) {
      const t = index % T;
      const read = row.flatMap((weight, s) => (weight > 0 ? [s] : []));
      expect(read).toEqual([t - 4, t - 3, t - 2].filter((s) => s >= 0));
    }
  });

  test('packed documents read their own pairs alone', async () => {
    const layer = new Layer(contextualMemory({ heads: 1 }), D);
    const segments = whole([0, 0, 0, 0, 1, 1, 1, 1, 1], [1, T]);
    const rows = await rowsOf(weightsOf(layer, drawn('packed', [1, T, D]), { segments }));
    expect(rows[4]!.every((weight) => weight === 0)).toBe(true);
    expect(rows[8]!.flatMap((weight, s) => (weight > 0 ? [s] : []))).toEqual([4, 5, 6, 7]);
  });
});

/** A model whose second layer is a memory that reads the embedding as it is. */
function modelWith(layer: Layer): ModelWithMemories {
  const table = drawn('table', [5, D]);
  const { mixer, config, params } = layer;
  return {
    device: new CpuDevice({ precision: 'f64' }),
    params: Object.fromEntries(Object.entries(params).map(([name, value]) => [`layers.1.mixer.${name}`, value])),
    graph: {
      resolved: { layers: [{ mixer: undefined }, { mixer: { part: mixer, config, params } }] },
      forward: (_, { tokens }) => ({ links: { '1.input': gather(table, tokens) } }),
    },
    checkIds(ids) {
      if (ids.some((id) => id >= 5)) throw new RangeError('an id is outside');
    },
  };
}

describe('retrievals of a model', () => {
  const layer = new Layer(contextualMemory({ heads: 2 }), D);
  const tokens = [4, 1, 0, 4, 2];

  test('are those of its contextual memories', async () => {
    const [made, ...others] = await retrievalsOf(modelWith(layer), tokens);
    expect(others).toEqual([]);
    expect(made).toMatchObject({ layer: 1, heads: 2, length: 5 });
    const x = gather(drawn('table', [5, D]), whole(tokens, [1, 5]));
    const expected = await values(weightsOf(layer, x, { positions: iota([1, 5], 1), lengths: whole([5]) }));
    expect([...made!.weights]).toEqual(expected.map(Math.fround));
  });

  test('the strongest come first, and none that is not read', async () => {
    const [made] = await retrievalsOf(modelWith(layer), tokens);
    const pairs = strongestPairs(made!, { head: 1, position: 4, count: 9 });
    expect(pairs.map(({ position }) => position).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
    expect(pairs.map(({ weight }) => weight)).toEqual(pairs.map(({ weight }) => weight).toSorted((a, b) => b - a));
    expect(strongestPairs(made!, { head: 1, position: 4, count: 1 })).toEqual(pairs.slice(0, 1));
    expect(strongestPairs(made!, { head: 0, position: 0, count: 3 })).toEqual([]);
  });

  test('of no tokens there are none, and ids are checked', async () => {
    expect(await retrievalsOf(modelWith(layer), [])).toEqual([]);
    await expect(retrievalsOf(modelWith(layer), [5])).rejects.toThrow('an id is outside');
  });

  test('a model without contextual memories is refused', async () => {
    const stores = new Layer(persistentMemory({ heads: 1, slots: 2 }), D);
    await expect(retrievalsOf(modelWith(stores), tokens)).rejects.toThrow(
      'No layer of this model is a @tessera/mixers-memory-mosaic:contextual-memory, so there is no retrieval to show.',
    );
  });
});
