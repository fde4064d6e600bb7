import { writeSafetensors } from '@tessera/checkpoints';
import { expect, test } from 'vitest';
import { createLora } from './create-lora.ts';
import { loadLora } from './load-lora.ts';
import type { LoraOptions } from './lora-settings.ts';
import { adapterFiles, assembler, caseModel, spec } from './test-models.test-data.ts';

type Files = Record<string, Uint8Array<ArrayBuffer>>;
type Shapes = Readonly<Record<string, readonly number[]>>;

const encode = (value: unknown): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(value));

/** An adapter of rank 2 over layers of width 8. */
function files(config: object = {}, shapes: Shapes = {}): Files {
  const usual: Shapes = {
    'base_model.model.layers.0.mixer.q_proj.lora_A.weight': [2, 8],
    'base_model.model.layers.0.mixer.q_proj.lora_B.weight': [8, 2],
  };
  const tensors = Object.entries({ ...usual, ...shapes }).filter(([, shape]) => shape.length > 0);
  const bytes = (shape: readonly number[]): Uint8Array<ArrayBuffer> =>
    new Uint8Array(4 * shape.reduce((size, extent) => size * extent, 1));
  const usualConfig = { peft_type: 'LORA', r: 2, lora_alpha: 4, target_modules: ['q_proj'] };
  return {
    'adapter_config.json': encode({ ...usualConfig, ...config }),
    'adapter_model.safetensors': writeSafetensors(
      tensors.map(([name, shape]) => ({ name, dtype: 'F32', shape, bytes: bytes(shape) })),
    ),
  };
}

test('an adapter of a few fields loads, whatever else says nothing', async () => {
  await using model = await assembler.assemble(spec, { device: 'cpu' });
  using lora = await loadLora(model, files({ lora_dropout: 0.1, use_dora: false, corda_config: null, task_type: 'X' }));
  expect(lora.settings).toMatchObject({ rank: 2, alpha: 4, targets: ['q_proj'] });
  using other = await loadLora(
    model,
    files({ target_modules: ['mixer.q_proj', 'k_proj'], exclude_modules: ['k_proj'] }),
  );
  expect(other.modules).toEqual(['layers.0.mixer.q_proj']);
});

test.each([
  [{ use_dora: true }, 'adapter_config.json: use_dora is true, which is not honoured here and would change what the adapter computes; expected nothing. Merge it with PEFT, and load the merged model.'], // prettier-ignore
  [{ peft_type: 'LOHA' }, 'peft_type is "LOHA", which is not honoured'],
  [{ bias: 'all' }, 'bias is "all", which is not honoured here and would change what the adapter computes; expected "none".'], // prettier-ignore
  [{ lora_bias: true }, 'lora_bias is true'],
  [{ modules_to_save: ['norm'] }, 'modules_to_save is ["norm"]'],
  [{ layer_replication: [[0, 2]] }, 'layer_replication is [[0,2]]'],
  [{ alora_invocation_tokens: [1] }, 'alora_invocation_tokens is [1]'],
  [{ target_parameters: ['experts'] }, 'target_parameters is ["experts"]'],
  [{ a_field_of_tomorrow: 3 }, 'a_field_of_tomorrow is 3'],
  [{ init_lora_weights: 'pissa' }, 'init_lora_weights is "pissa", which is not honoured here and would change what the adapter computes; expected true: the weights of its model were changed as well.'], // prettier-ignore
])('the config %o is refused', async (config, message) => {
  await using model = await assembler.assemble(spec, { device: 'cpu' });
  await expect(loadLora(model, files(config))).rejects.toMatchObject({
    code: 'UNSUPPORTED_OPTION',
    message: expect.stringContaining(message),
  });
});

test.each([
  [{ r: 0 }, {}, 'adapter_config.json: r is 0, expected a whole number from 1.'],
  [{ lora_alpha: '8' }, {}, 'lora_alpha is "8", expected a number.'],
  [{ target_modules: null }, {}, 'target_modules is null, expected names or a regular expression.'],
  [{ rank_pattern: { '(': 2 } }, {}, 'rank_pattern is "(", expected regular expressions'],
  [{ rank_pattern: { q_proj: 1.5 } }, {}, 'rank_pattern is {"q_proj":1.5}, expected whole numbers from 1 by pattern.'],
  [{ r: 3 }, {}, 'adapter_model.safetensors: base_model.model.layers.0.mixer.q_proj.lora_A.weight has shape [2, 8], expected [rank, in] = [3, 8].'], // prettier-ignore
  [{}, { 'base_model.model.layers.0.mixer.q_proj.lora_B.weight': [9, 2] }, 'lora_B.weight has shape [9, 2], expected [out, rank] = [8, 2]. Take the model that the adapter was trained on.'], // prettier-ignore
  [{}, { 'base_model.model.layers.0.mixer.q_proj.lora_B.weight': [] }, 'q_proj.lora_A.weight has no partner, expected lora_A and lora_B of each module.'], // prettier-ignore
  [{}, { 'base_model.model.layers.7.mixer.q_proj.lora_A.weight': [2, 8] }, 'lora_A.weight changes layers.7.mixer.q_proj, which is not in this model.'], // prettier-ignore
  [{}, { 'base_model.model.layers.1.mixer.conv.lora_A.weight': [2, 3] }, 'changes layers.1.mixer.conv, which is no linear map of this model.'], // prettier-ignore
  [{}, { 'base_model.model.embedding.lora_embedding_A': [2, 16] }, 'embedding.lora_embedding_A is no A or B of a linear map'], // prettier-ignore
  [{}, { 'base_model.model.layers.0.mixer.q_proj.lora_magnitude_vector': [8] }, 'is no A or B of a linear map'],
  [{ target_modules: ['k_proj'] }, {}, 'q_proj.lora_A.weight changes a module that target_modules of the config does not name.'], // prettier-ignore
  [{ target_modules: ['q_proj', 'k_proj'] }, {}, 'there are no tensors for layers.0.mixer.k_proj, which target_modules of the config names.'], // prettier-ignore
])('the config %o with the tensors %o is refused, and nothing stays on the device', async (config, shapes, message) => {
  await using model = await assembler.assemble(spec, { device: 'cpu' });
  const before = model.device.allocatedBytes;
  await expect(loadLora(model, files(config, shapes as Shapes))).rejects.toMatchObject({
    code: 'MODEL_FORMAT',
    message: expect.stringContaining(message),
  });
  expect(model.device.allocatedBytes).toBe(before);
});

test('an adapter of another model, and one that is pickled, are refused', async () => {
  await using model = await caseModel('llama-minimal');
  await expect(loadLora(model, adapterFiles('gpt2-full'))).rejects.toThrow(
    'changes transformer.h.0.attn.c_attn, which is not in this model.',
  );
  const { 'adapter_config.json': config } = files();
  await expect(loadLora(model, { 'adapter_config.json': config! })).rejects.toThrow(
    'there is no adapter_model.safetensors, expected the tensors of an adapter.',
  );
});

test.each<[LoraOptions, string]>([
  [{ rank: 0 }, 'lora: rank is 0, expected a whole number from 1.'],
  [{ alpha: Number.NaN }, 'lora: alpha is null, expected a number above 0.'],
  [{ seed: -1 }, 'lora: seed is -1'],
  [{ targets: [] }, 'lora: targets is [], expected a list of names, a regular expression, or "all-linear".'],
  [{ dropout: 0.1 } as LoraOptions, 'lora: dropout is 0.1, expected one of rank, alpha, rslora, targets, seed.'],
  [{ targets: ['q_prj'] }, 'lora: targets: "q_prj" names nothing in this model, expected names among q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, in_proj, out_proj, head, whole names, or "all-linear".'], // prettier-ignore
  [{ targets: ['embedding'] }, 'lora: targets: "embedding" names what is no linear map in this model'],
  [{ targets: ['conv'] }, '"conv" names what is no linear map'],
  [{ targets: '.*attention.*' }, '".*attention.*" names nothing'],
  [{ targets: '(' }, 'lora: targets is "(", which is no regular expression that is understood here.'],
])('the options %o are refused', async (options, message) => {
  await using model = await assembler.assemble(spec, { device: 'cpu' });
  await expect(createLora(model, options)).rejects.toMatchObject({
    code: 'UNSUPPORTED_OPTION',
    message: expect.stringContaining(message),
  });
});

test('the head of a tied model has no change of its own', async () => {
  await using model = await caseModel('gpt2-full');
  await expect(createLora(model, { targets: ['lm_head'] })).rejects.toThrow(
    'A head that is tied to the embedding has no change of its own.',
  );
});
