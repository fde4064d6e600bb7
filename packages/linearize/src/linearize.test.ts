import { readFileSync } from 'node:fs';
import { createAssembler } from '@tessera/assembler';
import type { Model } from '@tessera/assembler';
import { gatedDeltaNet, groupedLinearAttention, kernelAttention, linearAttention } from '@tessera/attention-linear';
import { softmax } from '@tessera/attention-softmax';
import { feedForward } from '@tessera/feedforward';
import { createLora } from '@tessera/lora';
import { norms } from '@tessera/norms';
import type { LayerSpec } from '@tessera/plugin';
import { read } from '@tessera/tensor-core';
import { batchesOf, createTrainer } from '@tessera/training';
import { expect, test } from 'vitest';
import { linearizeModel } from '../examples/linearize.ts';
import { linearize } from './linearize.ts';
import { linearizedSpec } from './linearized-spec.ts';
import { withDrawn } from './with-drawn.ts';

const assembler = createAssembler({ plugins: [softmax, linearAttention, feedForward, norms] });

const attends: LayerSpec = {
  mixerNorm: { type: '@tessera/norms:rms' },
  mixer: {
    type: '@tessera/attention-softmax:softmax-attention',
    config: {
      heads: 4,
      kvHeads: 2,
      headDim: 4,
      qkvBias: true,
      qkNorm: { over: 'head' },
      rotary: { theta: 500, dims: 2 },
    },
  },
  feedForwardNorm: { type: '@tessera/norms:rms' },
  feedForward: { type: '@tessera/feedforward:gated', config: { hidden: 12 } },
};
const spec = {
  vocabSize: 20,
  dModel: 8,
  maxPositions: 64,
  layers: [
    attends,
    { ...attends, mixer: { type: gatedDeltaNet.name, config: { keyHeads: 2, keyDim: 4, valueDim: 4 } } },
    attends,
  ],
};

const trained = (): Promise<Model> => assembler.assemble(spec, { device: 'cpu', seed: 3 });

test('settings of the attention go to the mixer that has them', () => {
  const { layers } = linearizedSpec(spec, { mixer: groupedLinearAttention, config: { group: 8 } });
  expect(layers.map(({ mixer }) => mixer?.type)).toEqual([
    groupedLinearAttention.name,
    gatedDeltaNet.name,
    groupedLinearAttention.name,
  ]);
  expect(layers[0]!.mixer!.config).toEqual({
    globalFactor: 0,
    learnedFactors: 'global',
    factorsOf: 'head',
    heads: 4,
    kvHeads: 2,
    headDim: 4,
    qkvBias: true,
    qkNorm: { over: 'head' },
    rotary: { theta: 500, dims: 2 },
    group: 8,
  });
  const plain = linearizedSpec(spec, { mixer: kernelAttention, layers: [2] });
  expect(plain.layers[0]).toEqual(attends);
  expect(plain.layers[2]!.mixer!.config).toEqual({ heads: 4, kvHeads: 2, keyDim: 4, valueDim: 4 });
});

test('what both models have is copied, what only the new one has is drawn', async () => {
  const model = await trained();
  const { model: made, copied, drawn } = await linearizeModel(model);
  expect(drawn.toSorted()).toEqual([
    'layers.0.mixer.conv',
    'layers.0.mixer.global_factor',
    'layers.2.mixer.conv',
    'layers.2.mixer.global_factor',
  ]);
  expect(copied).toEqual(Object.keys(model.params).filter((path) => path in made.params));
  for (const path of copied) expect(await read(made.params[path]!)).toEqual(await read(model.params[path]!));
  expect((await made.generate([1, 2, 3], { maxNewTokens: 4 })).tokenIds).toHaveLength(3 + 4);
});

test('heads of keys that are shared are repeated for a mixer that does not share them', async () => {
  const model = await trained();
  const { model: made, copied } = await linearize(model, {
    assembler,
    mixer: gatedDeltaNet,
    layers: [0],
    config: { keyHeads: 4, valueHeads: 4, outputGate: false },
  });
  expect(copied).toContain('layers.0.mixer.k_proj');
  const [from, to] = [await read(model.params['layers.0.mixer.k_proj']!), await read(made.params['layers.0.mixer.k_proj']!)]; // prettier-ignore
  const head = (values: ArrayLike<number>, h: number): number[] => Array.from(values).slice(h * 32, (h + 1) * 32);
  expect([0, 1, 2, 3].map((h) => head(to, h))).toEqual([0, 0, 1, 1].map((h) => head(from, h)));
});

test('layers without softmax attention are named', async () => {
  const model = await trained();
  await expect(linearize(model, { assembler, mixer: groupedLinearAttention, layers: [1] })).rejects.toThrow(
    'linearize: layer 1 has @tessera/attention-linear:gated-delta-net, expected a layer with softmax attention: 0, 2.',
  );
  const { model: made } = await linearizeModel(model);
  await expect(linearizeModel(made)).rejects.toThrow('linearize: no layer of the model has');
});

test('an adapter trains what was drawn beside its changes of low rank, and nothing else', async () => {
  const { model, drawn } = await linearizeModel(await trained());
  using lora = await createLora(model, { rank: 2, targets: ['layers.0.mixer.q_proj'], seed: 1 });
  const adapter = withDrawn(lora, model, drawn);
  const rows = Array.from({ length: 2 }, (_, row) => Array.from({ length: 20 }, (__, i) => (7 * i + 3 * row) % 20));
  expect(Object.keys(adapter.tensors).filter((name) => name.startsWith('drawn.'))).toEqual(
    drawn.map((path) => `drawn.${path}`),
  );
  await using trainer = await createTrainer(model, {
    adapter,
    batches: batchesOf(rows, 2),
    optimizer: { kind: 'adamw', learningRate: 0.05, weightDecay: 0 },
  });
  const losses: number[] = [];
  for await (const { loss } of trainer.train({ until: 8 })) losses.push(loss);
  expect(losses.at(-1)!).toBeLessThan(losses[0]!);
  for (const path of drawn) {
    const values = Array.from(await model.device.read(trainer.state.params[`drawn.${path}`]!));
    expect(values.some((value) => value !== 0)).toBe(true);
  }
});

test('the README shows the example as it is', () => {
  const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  const [, code] = /#region \w+\n([\s\S]*?)\n *\/\/ #endregion/.exec(text('../examples/linearize.ts'))!;
  expect(text('../README.md')).toContain(`\`\`\`ts\n${code!.replace(/^ {2}/gm, '')}\n\`\`\``);
});
