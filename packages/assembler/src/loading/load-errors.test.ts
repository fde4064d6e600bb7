import { CpuDevice } from '@tessera/tensor-core';
import { writeSafetensors } from '@tessera/checkpoints';
import { expect, test } from 'vitest';
import { createAssembler } from '../assembler.ts';
import { assembler, caseDirectory, families, filesOf, llamaDirectory } from '../test-models.test-data.ts';
import type { LoadOptions } from './load.ts';

type Files = Record<string, Uint8Array<ArrayBuffer> | string>;

const files: Files = filesOf(caseDirectory('llama-full'));
const config = JSON.parse(new TextDecoder().decode(files['config.json'] as Uint8Array)) as Record<string, unknown>;
const weights = files['model.safetensors'] as Uint8Array<ArrayBuffer>;

function without(name: string): Files {
  return Object.fromEntries(Object.entries(files).filter(([key]) => key !== name));
}

function withConfig(changes: Record<string, unknown>): Files {
  return { ...files, 'config.json': JSON.stringify({ ...config, ...changes }) };
}

const cases: readonly [string, Files, string, string | RegExp][] = [
  [
    'no config',
    without('config.json'),
    'MODEL_FORMAT',
    'memory: there is no config.json. Check the address and the folder of the model.',
  ],
  [
    'no weights',
    without('model.safetensors'),
    'MODEL_FORMAT',
    'memory: there is no model.safetensors and no model.safetensors.index.json, expected the weights as safetensors.',
  ],
  [
    'a config that is no JSON',
    { ...files, 'config.json': '{"model_type": ' },
    'MODEL_FORMAT',
    /^config\.json: line 1, column \d+/,
  ],
  [
    'a config that is a list',
    { ...files, 'config.json': '[1]' },
    'MODEL_FORMAT',
    'config.json: model_type is missing, expected the name of a layout.',
  ],
  [
    'an architecture that nobody reads',
    withConfig({ model_type: 'clippy' }),
    'UNSUPPORTED_ARCHITECTURE',
    /^config\.json: model_type is "clippy", which no layout reads; understood are .*llama.*tessera.* Register a plugin/,
  ],
  [
    'a field of the architecture that nobody reads',
    withConfig({ clip_qkv: 8 }),
    'UNSUPPORTED_ARCHITECTURE',
    /clip_qkv/,
  ],
  [
    'sizes that the file does not have',
    withConfig({ vocab_size: 1_000_000 }),
    'MODEL_FORMAT',
    /^tensor "model\.embed_tokens\.weight" has shape \[\d+, \d+\], expected \[1000000, \d+\]/,
  ],
  ['sizes that are no numbers', withConfig({ hidden_size: 'large' }), 'MODEL_FORMAT', /hidden_size/],
  [
    'more layers than the file has',
    withConfig({ num_hidden_layers: 9 }),
    'MODEL_FORMAT',
    /^tensor "model\.layers\.\d+\..*" of shape \[.*\] is not in the checkpoint, nor \d+ others, expected by its config\.json\./,
  ],
  [
    'fewer layers than the file has',
    withConfig({ num_hidden_layers: 1 }),
    'MODEL_FORMAT',
    /is in the checkpoint, and \d+ others, and its config\.json does not ask for it/,
  ],
  [
    'truncated weights',
    { ...files, 'model.safetensors': weights.slice(0, weights.length - 100) },
    'MODEL_FORMAT',
    /^model\.safetensors: /,
  ],
  ['half a header', { ...files, 'model.safetensors': weights.slice(0, 100) }, 'MODEL_FORMAT', /^model\.safetensors: /],
  ['weights of nothing', { ...files, 'model.safetensors': '' }, 'MODEL_FORMAT', /^model\.safetensors: /],
  [
    'a tokenizer without a vocabulary',
    { ...files, 'tokenizer.json': '{"model": {"type": "BPE"}}' },
    'MODEL_FORMAT',
    /^tokenizer\.json: model\.vocab /,
  ],
  [
    'a generation config that is a list',
    { ...files, 'generation_config.json': '[]' },
    'MODEL_FORMAT',
    'generation_config.json: it is no record, expected the parameters of generation by name. Take the file that was published with the model, or remove it.',
  ],
];

test.each(cases)('%s is refused by name, and nothing stays allocated', async (_, source, code, message) => {
  const device = new CpuDevice();
  const loading = assembler.load(source, { device });
  await expect(loading).rejects.toMatchObject({ code });
  await expect(loading).rejects.toThrow(message);
  expect(device.allocatedBytes).toBe(0);
});

test('weights that are whole numbers are refused: without their scales they mean nothing', async () => {
  const opened = await assembler.open(files);
  const tensors = await Promise.all(
    [...opened.reader.tensors.values()].map(async ({ name, dtype, shape, byteLength }) =>
      name === 'lm_head.weight'
        ? { name, dtype: 'I32' as const, shape, bytes: new Uint8Array(byteLength) }
        : { name, dtype, shape, bytes: await opened.reader.read(name) },
    ),
  );
  await opened.reader.close();
  await expect(assembler.load({ ...files, 'model.safetensors': writeSafetensors(tensors) })).rejects.toThrow(
    'tensor "lm_head.weight" is I32, expected numbers with a fraction (F32, F16, BF16, …). Load an unquantised checkpoint.',
  );
});

test('a shard that is missing is named', async () => {
  const shards = filesOf(llamaDirectory);
  delete shards['model-00003-of-00004.safetensors'];
  await expect(assembler.load(shards)).rejects.toThrow('model-00003-of-00004.safetensors');
});

test('a family that is not registered is named with its package', async () => {
  const partly = createAssembler({ plugins: families.slice(1) });
  await expect(partly.load(files)).rejects.toThrow(
    "spec.layers.0.mixer: no mixer '@tessera/attention-softmax:softmax-attention' is registered. Install @tessera/attention-softmax and hand its plugin to createAssembler({ plugins: […] }).",
  );
});

test.each<[string, unknown, string]>([
  [
    'an option that does not exist',
    { quantization: 'q4' },
    "load: 'quantization' is not an option that is honoured. Known are subfolder, contextLength, cachePolicy, fetch, signal, device, dtype, memoryLimit, precompile, onProgress, onWarning.",
  ],
  ['a revision of a directory', { revision: 'main' }, "load: 'revision' is not an option that is honoured."],
  ['a context of no positions', { contextLength: 0 }, 'contextLength is 0, expected a whole number from 1'],
  [
    'a dtype of another name',
    { dtype: 'float16' },
    "dtype is 'float16', expected one of 'auto', 'fp32', 'fp16', 'bf16'.",
  ],
  ['a device of another name', { device: 'wasm' }, "device is \"wasm\", expected 'auto', 'cpu', 'webgpu' or a device."],
])('%s is refused', async (_, options, message) => {
  await expect(assembler.load(files, options as LoadOptions)).rejects.toThrow(message);
});

test('a model above the limit is refused with the numbers before a weight is read', async () => {
  const device = new CpuDevice();
  const loading = assembler.load(llamaDirectory, {
    device,
    memoryLimit: 4 * 2 ** 20,
    onProgress: () => expect.unreachable(),
  });
  await expect(loading).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
  await expect(loading).rejects.toThrow(
    'The model needs 7.4 MiB (weights 6.4 MiB, state of 512 positions 1.0 MiB), the limit is 4.0 MiB.',
  );
  expect(device.allocatedBytes).toBe(0);
});
