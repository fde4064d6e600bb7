import { memorySink, memorySource } from '@tessera/checkpoints';
import { Model } from '@tessera/assembler';
import {
  CpuDevice,
  add,
  cast,
  fromHost,
  grad,
  matmul,
  materialize,
  mean,
  mul,
  read,
  transpose,
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { createLora } from './create-lora.ts';
import { loadLora } from './load-lora.ts';
import type { Lora, NamedTensors } from './lora.ts';
import {
  adapterFiles,
  assembler,
  caseModel,
  difference,
  disturb,
  golden,
  peftCases,
  spec,
} from './test-models.test-data.ts';

const ids = [[3, 7, 1, 9, 12]];
const logitsOf = async (model: Model, rows: readonly (readonly number[])[] = ids): Promise<Float32Array> =>
  (await model.forward(rows)).logits;

/** Gradients of the mean loss by A and B. */
async function gradientsOf(
  lora: Lora,
  model: Model,
  rows: readonly (readonly number[])[],
): Promise<Map<string, Float32Array>> {
  const [B, T] = [rows.length, rows[0]!.length - 1];
  const of = (end: number): Tensor => fromHost(Int32Array.from(rows.flatMap((row) => row.slice(end, T + end))), [B, T]);
  const made = grad((tensors: Record<string, Tensor>) => {
    const batch = { tokens: of(0), starts: zeros([B], 'i32'), lengths: fromHost(new Int32Array(B).fill(T), [B]) };
    return mean(model.graph.loss(lora.apply(model.params, tensors), batch, of(1)).loss);
  })({ ...lora.tensors });
  const values = new Map<string, Float32Array>();
  for (const [name, gradient] of Object.entries(made))
    values.set(name, Float32Array.from(await read(gradient, model.device)));
  return values;
}

test.each(peftCases)(
  '%s: an adapter of PEFT gives its logits, unmerged and merged, and its gradients',
  async (name) => {
    const reference = await golden(name);
    await using model = await caseModel(name);
    const before = await logitsOf(model, reference.ids);
    const lora = await loadLora(model, adapterFiles(name));
    await using unmerged = lora.view();
    const logits = await logitsOf(unmerged, reference.ids);
    expect(difference(logits, reference.logits)).toBeLessThan(2e-6);
    expect(difference(before, reference.logits)).toBeGreaterThan(0.05);
    const gradients = await gradientsOf(lora, model, reference.ids);
    expect([...gradients.keys()].toSorted()).toEqual([...reference.gradients.keys()].toSorted());
    for (const [key, expected] of reference.gradients)
      expect([key, difference(gradients.get(key)!, expected) < 1e-5]).toEqual([key, true]);
    await lora.merge();
    expect(difference(await logitsOf(model, reference.ids), reference.logits)).toBeLessThan(2e-6);
  },
);

test.each(peftCases)('%s: what is saved is what PEFT wrote', async (name) => {
  const files = adapterFiles(name);
  await using model = await caseModel(name);
  const lora = await loadLora(model, files);
  const sink = memorySink();
  await lora.save(sink);
  const config = (bytes: Uint8Array): Record<string, unknown> => JSON.parse(new TextDecoder().decode(bytes));
  const written = config(sink.files.get('adapter_config.json')!);
  const original = config(files['adapter_config.json']!);
  for (const field of [
    'peft_type',
    'r',
    'lora_alpha',
    'use_rslora',
    'rank_pattern',
    'alpha_pattern',
    'fan_in_fan_out',
    'bias',
  ])
    expect({ [field]: written[field] }).toEqual({ [field]: original[field] });
  await using again = await caseModel(name);
  const loaded = await loadLora(again, memorySource(sink.files));
  expect(loaded.modules).toEqual(lora.modules);
  expect(loaded.settings).toEqual(lora.settings);
  for (const [tensor, value] of Object.entries(lora.tensors))
    expect(await read(loaded.tensors[tensor]!)).toEqual(await read(value));
  const keys = (bytes: Uint8Array): string[] =>
    [...new TextDecoder('latin1').decode(bytes).matchAll(/"(base_model[^"]*)"/g)].map(([, key]) => key!).toSorted();
  expect(keys(sink.files.get('adapter_model.safetensors')!)).toEqual(keys(files['adapter_model.safetensors']!));
});

test('an adapter is saved in 16 bits if that is asked for', async () => {
  await using model = await caseModel('gpt2-full');
  using lora = await loadLora(model, adapterFiles('gpt2-full'));
  const sink = memorySink();
  await lora.save(sink, { dtype: 'bf16' });
  using rounded = await loadLora(model, memorySource(sink.files));
  for (const [name, value] of Object.entries(lora.tensors))
    expect(await read(rounded.tensors[name]!)).toEqual(await read(cast(cast(value, 'bf16'), 'f32')));
  await expect(lora.save(sink, { dtype: 'int8' as never })).rejects.toThrow(
    "lora: dtype is 'int8', expected one of fp32, fp16, bf16.",
  );
});

test('a new adapter changes nothing: A is uniform in ±1/√in, B is zero, and a seed draws other numbers', async () => {
  await using model = await caseModel('llama-minimal');
  const before = await logitsOf(model);
  using lora = await createLora(model, { rank: 4, alpha: 8, targets: ['q_proj', 'mlp.up_proj'], seed: 3 });
  expect(lora.modules.slice(0, 2)).toEqual(['model.layers.0.self_attn.q_proj', 'model.layers.0.mlp.up_proj']);
  await using view = lora.view();
  expect(await logitsOf(view)).toEqual(before);
  using other = await createLora(model, { rank: 4, targets: ['q_proj'], seed: 4 });
  const name = 'model.layers.0.self_attn.q_proj.lora_A.weight';
  const [rank, inputs] = lora.tensors[name]!.shape as [number, number];
  expect([rank, inputs]).toEqual([4, model.spec.dModel]);
  const values = [...(await read(lora.tensors[name]!))];
  const bound = 1 / Math.sqrt(inputs);
  expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(bound);
  expect(Math.max(...values)).toBeGreaterThan(0.8 * bound);
  expect(Math.min(...values)).toBeLessThan(-0.8 * bound);
  expect([...(await read(other.tensors[name]!))]).not.toEqual(values);
});

test('a stack of our own: modules are parameters by path, and only maps are linear', async () => {
  await using model = await assembler.assemble(spec, { device: 'cpu', seed: 1 });
  using lora = await createLora(model, { rank: 2 });
  expect(lora.modules).toEqual([
    ...['q_proj', 'k_proj', 'v_proj', 'o_proj'].map((name) => `layers.0.mixer.${name}`),
    ...['gate_proj', 'up_proj', 'down_proj'].map((name) => `layers.0.feedForward.${name}`),
    ...['in_proj', 'out_proj'].map((name) => `layers.1.mixer.${name}`),
  ]);
  await disturb(lora);
  const sink = memorySink();
  await lora.save(sink);
  await using view = lora.view();
  const expected = await logitsOf(view);
  expect(difference(expected, await logitsOf(model))).toBeGreaterThan(0.01);
  const generated = await view.generate(ids[0]!, { maxNewTokens: 4 });
  // Through files, over the saved model.
  const saved = memorySink();
  await model.save(saved);
  await using again = await assembler.load(memorySource(saved.files), { device: 'cpu' });
  const loaded = await loadLora(again, memorySource(sink.files));
  await loaded.merge();
  expect(difference(await logitsOf(again), expected)).toBeLessThan(1e-6);
  expect((await again.generate(ids[0]!, { maxNewTokens: 4 })).newTokenIds).toEqual(generated.newTokenIds);
});

test('a head of its own can be changed', async () => {
  await using model = await assembler.assemble(spec, { device: 'cpu', seed: 1 });
  using lora = await createLora(model, { rank: 2, targets: ['head'] });
  await disturb(lora);
  const [A, B] = [lora.tensors['head.lora_A.weight']!, lora.tensors['head.lora_B.weight']!];
  await using view = lora.view();
  const weight = model.params['head.weight']!;
  const summed = await read(add(weight, mul(matmul(B, A), 1)));
  const expected = await logitsOf(view);
  await lora.merge();
  expect(difference(Float32Array.from(await read(weight)), Float32Array.from(summed))).toBeLessThan(1e-6);
  expect(difference(await logitsOf(model), expected)).toBeLessThan(1e-6);
});

test('weights that are stored [in, out] and given to products as they are', async () => {
  const device = new CpuDevice();
  const original = await assembler.assemble(spec, { device, seed: 1 });
  // The same model, whose graph turns one weight first.
  const path = 'layers.0.mixer.q_proj';
  const { graph: inner } = original;
  const graph = {
    params: () => inner.params(),
    forward: (given: NamedTensors, batch: Parameters<typeof inner.forward>[1]) =>
      inner.forward({ ...given, [path]: transpose(given[path]!) }, batch),
    resolved: inner.resolved,
    stack: inner.stack,
  } as unknown as Model['graph'];
  const { params, memory: estimate } = original;
  const weight = device.upload(Float32Array.from(await read(transpose(params[path]!))), {
    shape: [8, 8],
    dtype: 'f32',
  });
  const turned = new Model({
    graph,
    device,
    params: { ...params, [path]: weight },
    estimate,
    ownsDevice: false,
    loadMs: 0,
  });
  using lora = await createLora(turned, { rank: 2, targets: [path] });
  using plain = await createLora(original, { rank: 2, targets: [path] });
  expect(lora.fanInFanOut).toBe(true);
  await disturb(lora);
  await disturb(plain);
  const view = lora.view();
  expect(difference(await logitsOf(view), await logitsOf(plain.view()))).toBeLessThan(1e-6);
});

test('weights in 16 bits stay so, unmerged and merged, and are saved so', async () => {
  await using model = await caseModel('llama-minimal', 'cpu', 'bf16');
  const { allocatedBytes } = model.device;
  const lora = await createLora(model, { rank: 2, alpha: 4, targets: 'all-linear' });
  await disturb(lora);
  const adapterBytes = Object.values(lora.tensors).reduce((total, { size }) => total + 4 * size, 0);
  const view = lora.view();
  const unmerged = await logitsOf(view);
  const saved = memorySink();
  await view.save(saved, { dtype: 'bf16' });
  await view.dispose();
  expect(model.device.allocatedBytes).toBe(allocatedBytes + adapterBytes);
  using sum = await materialize(lora.apply(model.params, lora.tensors)['layers.0.mixer.q_proj']!);
  const sums = Float32Array.from(await read(sum));
  sum.dispose();
  await lora.merge();
  expect(model.device.allocatedBytes).toBe(allocatedBytes);
  const merged = model.params['layers.0.mixer.q_proj']!;
  expect(merged.dtype).toBe('bf16');
  const rounded = cast(cast(fromHost(sums, merged.shape), 'bf16'), 'f32');
  expect(await read(cast(merged, 'f32'))).toEqual(await read(rounded));
  const logits = await logitsOf(model);
  expect(difference(logits, unmerged)).toBeLessThan(0.05);
  const files = memorySink();
  await model.save(files, { dtype: 'bf16' });
  const [merging, mergedBefore] = [files, saved].map((sink) => sink.files.get('model.safetensors')!);
  expect(Buffer.compare(merging!, mergedBefore!)).toBe(0);
  await using loaded = await assembler.load(memorySource(files.files), { device: 'cpu' });
  expect(loaded.dtype).toBe('bf16');
  const again = Float32Array.from(await read(cast(loaded.params['layers.0.mixer.q_proj']!, 'f32')));
  expect(again).toEqual(Float32Array.from(await read(rounded)));
});

test('a merge is once and for all', async () => {
  await using model = await caseModel('llama-minimal');
  const lora = await createLora(model, { rank: 2 });
  await lora.merge();
  await expect(lora.merge()).rejects.toThrow(
    'The adapter is merged into the weights of its model. Load it again, onto a model without it.',
  );
  expect(() => lora.view()).toThrow('is merged');
  await expect(model.reload()).rejects.toThrow('reload: the weights of this model were handed in');
  using other = await createLora(model, { rank: 2 });
  other.dispose();
  await expect(other.save(memorySink())).rejects.toThrow('The adapter was disposed.');
});
