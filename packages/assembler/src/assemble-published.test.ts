import { memorySink, memorySource } from '@tessera/checkpoints';
import { expect, test } from 'vitest';
import { assembler } from './test-models.test-data.ts';

const config = {
  model_type: 'llama',
  vocab_size: 32,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: 64,
  tie_word_embeddings: true,
};

test('a new model of a published config is saved in that layout, with the files given along', async () => {
  const files = memorySource({ 'tokenizer.json': new TextEncoder().encode('{}') });
  await using drawn = await assembler.assemblePublished(config, { device: 'cpu', seed: 3, files });
  const sink = memorySink();
  await drawn.save(sink);
  const saved = Object.fromEntries(sink.files);
  expect(Object.keys(saved).toSorted()).toEqual(['config.json', 'model.safetensors', 'tokenizer.json']);
  expect(JSON.parse(new TextDecoder().decode(saved['config.json']))).toEqual(config);
  expect(new TextDecoder().decode(saved['model.safetensors'])).toContain('model.layers.0.self_attn.q_proj.weight');
  delete saved['tokenizer.json'];
  await using loaded = await assembler.load(saved, { device: 'cpu' });
  expect((await loaded.forward([[1, 2, 3]])).logits).toEqual((await drawn.forward([[1, 2, 3]])).logits);
});

test('the seed draws the weights', async () => {
  const logits = async (seed: number): Promise<Float32Array> => {
    await using drawn = await assembler.assemblePublished(config, { device: 'cpu', seed });
    return (await drawn.forward([[1, 2]])).logits;
  };
  expect(await logits(1)).toEqual(await logits(1));
  expect(await logits(1)).not.toEqual(await logits(2));
});

test('a config that is not understood is refused by its field', async () => {
  await expect(assembler.assemblePublished({ ...config, zzz: 1 })).rejects.toThrow("'zzz'");
});
