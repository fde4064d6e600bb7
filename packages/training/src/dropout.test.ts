import { memorySink, memorySource } from '@tessera/checkpoints';
import type { LanguageModelGraph, ModelParams } from '@tessera/assembler';
import type { LayerSpec, ModelSpec } from '@tessera/plugin';
import { CpuDevice, foldKey, fromHost, gradOf, trace, treeEntries, treeLeaves } from '@tessera/tensor-core';
import type { Device, Graph, Tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { batchOf, batchesOf } from './batch-source.ts';
import { createTrainer } from './create-trainer.ts';
import { dropoutSpec, lossesWith } from './dropout.test-data.ts';
import { recomputingLayers } from './step/recompute-layers.ts';
import { nextTokenLoss } from './step/next-token-loss.ts';
import { assembler, rowsOf, spec, usual } from './test-models.test-data.ts';

const batch = rowsOf(3, 9);
const tokens = fromHost(Int32Array.from(batch.flat()), [3, 9]);
const keyOf = (number: number): Tensor => fromHost(Uint32Array.from(foldKey([5, 0], number)), [2], 'u32');
const f64 = new CpuDevice({ precision: 'f64' });

async function graphOf(given: ModelSpec): Promise<{ graph: LanguageModelGraph; params: ModelParams }> {
  const model = await assembler.assemble(given, { device: f64, seed: 3 });
  const params: Record<string, Tensor> = {};
  // In the order of the leaves of a tree.
  for (const [path, tensor] of treeEntries(model.params))
    params[path] = fromHost(Float64Array.from(await f64.read(tensor)), tensor.shape);
  await model.dispose();
  return { graph: model.graph, params };
}

async function valuesOf(program: Graph, inputs: readonly Tensor[], device: Device = f64): Promise<number[][]> {
  const compiled = await device.compile(program);
  const outputs = compiled.run(inputs);
  return Promise.all(outputs.map(async (output) => [...(await device.read(output))]));
}

/** The loss and the gradients of all parameters, for one key. */
async function gradientsOf(graph: LanguageModelGraph, params: ModelParams, key: Tensor): Promise<number[][]> {
  const program = trace(
    (...leaves) => {
      const named = Object.fromEntries(Object.keys(params).map((path, index) => [path, leaves[index]!]));
      const { objective } = nextTokenLoss(graph, named, { tokens, random: key });
      return [objective, ...treeLeaves(gradOf(objective, named))];
    },
    Object.values(params).map(({ shape }) => ({ shape, dtype: 'f32' })),
  );
  return valuesOf(program, Object.values(params));
}

const wholeSpec = dropoutSpec({ embedding: 0.2, residual: 0.3, attention: 0.4 });

test('a key decides what is dropped: the same key the same loss, another key another one', async () => {
  const { graph, params } = await graphOf(wholeSpec);
  const first = await gradientsOf(graph, params, keyOf(1));
  expect(await gradientsOf(graph, params, keyOf(1))).toEqual(first);
  expect(await gradientsOf(graph, params, keyOf(2))).not.toEqual(first);
});

test.each([
  ['of the embedding', { embedding: 0.4 }],
  ['of what layers add', { residual: 0.4 }],
  ['of the weights of attention', { attention: 0.4 }],
] as const)('dropout %s acts in training alone', async (_, given) => {
  const { graph, params } = await graphOf(dropoutSpec(given));
  const { graph: plain } = await graphOf(spec);
  const loss = async (of: LanguageModelGraph, random?: Tensor): Promise<number> => {
    const program = trace(() => [nextTokenLoss(of, params, { tokens, random }).loss], []);
    return (await valuesOf(program, []))[0]![0]!;
  };
  expect(await loss(graph)).toBe(await loss(plain));
  expect(await loss(plain, keyOf(1))).toBe(await loss(plain));
  expect(Math.abs((await loss(graph, keyOf(1))) - (await loss(plain)))).toBeGreaterThan(1e-3);
});

test('the gradient for a key is what differences in double precision give', async () => {
  const { graph, params } = await graphOf(wholeSpec);
  const key = keyOf(4);
  const [, ...gradients] = await gradientsOf(graph, params, key);
  const program = await f64.compile(
    trace(
      (...leaves) => {
        const named = Object.fromEntries(Object.keys(params).map((path, index) => [path, leaves[index]!]));
        return [nextTokenLoss(graph, named, { tokens, random: key }).objective];
      },
      Object.values(params).map(({ shape }) => ({ shape, dtype: 'f32' })),
    ),
  );
  const at = async (by: number): Promise<number> => {
    const moved = Object.values(params).map(({ source, shape }, index) =>
      fromHost(
        (source as unknown as { data: Float64Array }).data.map((value, place) => value + by * direction(index, place)),
        shape,
      ),
    );
    return (await f64.read(program.run(moved)[0]!))[0]!;
  };
  const direction = (index: number, place: number): number => Math.sin(1 + 7 * index + 3 * place);
  const along = gradients.reduce(
    (total, gradient, index) => total + gradient.reduce((sum, g, place) => sum + g * direction(index, place), 0),
    0,
  );
  const step = 1e-4;
  const difference =
    (8 * ((await at(step)) - (await at(-step))) - ((await at(2 * step)) - (await at(-2 * step)))) / 12 / step;
  expect(Math.abs(along)).toBeGreaterThan(1e-3);
  expect(Math.abs(along - difference)).toBeLessThan(1e-6 * (1 + Math.abs(difference)));
});

test('layers that are computed again drop the same, and give the same gradients', async () => {
  const { graph, params } = await graphOf(wholeSpec);
  const kept = await gradientsOf(graph, params, keyOf(6));
  const again = await gradientsOf(recomputingLayers(graph), params, keyOf(6));
  kept.forEach((values, index) =>
    values.forEach((value, place) => expect(again[index]![place]).toBeCloseTo(value, 12)),
  );
});

test('each part of each layer drops other elements, and so does the embedding', async () => {
  const { graph, params } = await graphOf(wholeSpec);
  const program = trace(() => {
    const { links } = nextTokenLoss(graph, params, { tokens, random: keyOf(7) });
    return ['0.x', '1.x', '2.x', '0.input'].map((name) => links[name]!);
  }, []);
  const [embedded] = await valuesOf(program, []);
  // A token of the embedding is dropped by itself: others of the same id are not.
  const zeros = embedded!.filter((value) => value === 0).length / embedded!.length;
  expect(zeros).toBeGreaterThan(0.1);
  expect(zeros).toBeLessThan(0.3);
  // With layers that are all alike, and everything but the place in the stack equal, what they add differs.
  const layer: LayerSpec = { ...wholeSpec.layers[0]!, residualDropout: 0.5 };
  const alike = await graphOf({ ...wholeSpec, embedding: {}, layers: [layer, layer, layer] });
  const same = Object.fromEntries(
    Object.keys(alike.params).map((path) => [path, alike.params[path.replace(/^layers\.\d+/, 'layers.0')]!]),
  );
  const added = trace(() => {
    const { links } = nextTokenLoss(alike.graph, same, { tokens, random: keyOf(7) });
    return ['0.x', '1.x', '2.x', '3.x'].map((name) => links[name]!);
  }, []);
  const streams = await valuesOf(added, []);
  // An element that both halves of a layer leave out stays as it was.
  const unchanged = [1, 2, 3].map((index) =>
    streams[index]!.map((value, place) => (value === streams[index - 1]![place] ? 1 : 0)),
  );
  for (const each of unchanged) {
    // Halves that dropped the same would leave out half of all elements; halves that draw by themselves a quarter.
    const part = each.reduce<number>((sum, value) => sum + value, 0) / each.length;
    expect(part).toBeGreaterThan(0.15);
    expect(part).toBeLessThan(0.36);
  }
  expect(unchanged[0]).not.toEqual(unchanged[1]);
  expect(unchanged[1]).not.toEqual(unchanged[2]);
});

test('probabilities of 0 record the same step as none', async () => {
  const shown = async (given: ModelSpec): Promise<unknown> => {
    const { graph, params } = await graphOf(given);
    const { nodes, types, outputs } = trace(
      (...leaves) => {
        const named = Object.fromEntries(Object.keys(params).map((path, index) => [path, leaves[index]!]));
        const { objective } = nextTokenLoss(graph, named, { tokens, random: keyOf(1) });
        return [objective, ...treeLeaves(gradOf(objective, named))];
      },
      Object.values(params).map(({ shape }) => ({ shape, dtype: 'f32' })),
    );
    return {
      nodes: nodes.map(({ op, inputs, outputs: made }) => ({ id: op.id, inputs, made })),
      types: types.map(({ shape, dtype }) => `${dtype}[${shape.join()}]`),
      outputs,
    };
  };
  const without = await shown(spec);
  expect(await shown(dropoutSpec({ embedding: 0, residual: 0, attention: 0 }))).toEqual(without);
  expect(await shown(dropoutSpec({ residual: 0.1 }))).not.toEqual(without);
});

test('a training with dropout is the same twice, another seed drops others, and batches of a step differ', async () => {
  const first = await lossesWith(new CpuDevice(), wholeSpec);
  expect(await lossesWith(new CpuDevice(), wholeSpec)).toEqual(first);
  expect(await lossesWith(new CpuDevice(), wholeSpec, { seed: 9 })).not.toEqual(first);
  // One batch twice is not the batch: each draws by itself.
  const row = rowsOf(4, 9);
  const once = await lossesWith(new CpuDevice(), wholeSpec, { batches: batchesOf(row, 4) });
  const twice = await lossesWith(new CpuDevice(), wholeSpec, { batches: batchesOf(row, 4), accumulate: 2 });
  expect(twice[0]).not.toBeCloseTo(once[0]!, 4);
  const plain = await lossesWith(new CpuDevice(), spec, { batches: batchesOf(row, 4) });
  expect((await lossesWith(new CpuDevice(), spec, { batches: batchesOf(row, 4), accumulate: 2 }))[0]).toBeCloseTo(
    plain[0]!,
    5,
  );
});

test('an evaluation and the model that comes of it drop nothing', async () => {
  const device = new CpuDevice();
  await using model = await assembler.assemble(wholeSpec, { device, seed: 1 });
  await using same = await assembler.assemble(spec, { device, seed: 1 });
  await using trainer = await createTrainer(model, usual());
  await using other = await createTrainer(same, usual());
  const kept = [batchOf(rowsOf(3, 9, 4))];
  expect(await trainer.evaluate(kept)).toEqual(await other.evaluate(kept));
  for await (const { step } of trainer.train({ until: 2 })) expect(step).toBeGreaterThan(0);
  expect(await trainer.evaluate(kept)).toEqual(await trainer.evaluate(kept));
});

test('probabilities are saved with a model of our own layout, and read again', async () => {
  const device = new CpuDevice();
  await using model = await assembler.assemble(wholeSpec, { device, seed: 1 });
  const sink = memorySink();
  await model.save(sink);
  await using loaded = await assembler.load(memorySource(sink.files), { device });
  expect(loaded.spec.embedding?.dropout).toBe(0.2);
  expect(loaded.spec.layers.map(({ residualDropout }) => residualDropout)).toEqual([0.3, 0.3]);
  expect(loaded.spec.layers[0]!.mixer!.config).toMatchObject({ dropout: 0.4 });
  const again = memorySink();
  await loaded.save(again);
  expect(again.files.get('config.json')).toEqual(sink.files.get('config.json'));
});

test.each([
  [{ residual: 1.5 }, 'spec.layers.0.residualDropout is 1.5, expected a number from 0 up to 1'],
  [{ embedding: -0.1 }, 'spec.embedding.dropout is -0.1, expected a number from 0 up to 1'],
  [{ attention: 2 }, 'spec.layers.0.mixer.config.dropout is 2, expected a number from 0 up to 1'],
])('a probability that is none is refused by its path: %j', async (given, message) => {
  await expect(assembler.assemble(dropoutSpec(given), { device: f64 })).rejects.toThrow(message);
});
