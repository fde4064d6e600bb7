import type { LayerSpec, PublishedConfig, TensorRule } from '@tessera/plugin';
import { expect, test } from 'vitest';
import { layoutOf } from './layout-of.ts';
import { huggingFace, publishedLayouts } from './published-layouts.ts';
import { publishedNames } from './rule-names.ts';

const small = {
  num_key_value_heads: 2,
  hidden_size: 24,
  intermediate_size: 16,
  num_attention_heads: 2,
  num_hidden_layers: 4,
  vocab_size: 48,
};

const layersOf = (config: PublishedConfig): readonly LayerSpec[] => layoutOf(config).toSpec(config).spec.layers;

const windowsOf = (config: PublishedConfig): unknown[] =>
  layersOf({ ...small, ...config }).map(({ mixer }) => (mixer?.config as { window?: number } | undefined)?.window);

function rulesOf(config: PublishedConfig, names?: readonly string[]): readonly TensorRule[] {
  return layoutOf(config).rules(config, names && new Map(names.map((name) => [name, [1, 1]])));
}

test('the plugin offers the published layouts and our own', () => {
  expect(huggingFace.name).toBe('@tessera/checkpoints');
  expect(huggingFace.layouts?.map(({ modelTypes }) => modelTypes[0])).toEqual([
    ...publishedLayouts.map(({ modelTypes }) => modelTypes[0]),
    'tessera',
  ]);
});

test('windows stand in the layers that each family gives them', () => {
  const none = [undefined, undefined, undefined, undefined];
  const qwen = { model_type: 'qwen2', sliding_window: 5, max_window_layers: 3 };
  expect(windowsOf(qwen)).toEqual(none);
  expect(windowsOf({ ...qwen, use_sliding_window: true })).toEqual([undefined, undefined, undefined, 5]);
  const types = ['sliding_attention', 'full_attention', 'full_attention', 'full_attention'];
  expect(windowsOf({ ...qwen, use_sliding_window: true, layer_types: types })).toEqual([5, ...none.slice(1)]);
  expect(() => windowsOf({ ...qwen, layer_types: types })).toThrow("field 'layer_types' is [");
  expect(windowsOf({ model_type: 'mistral' })).toEqual([4096, 4096, 4096, 4096]);
  expect(windowsOf({ model_type: 'mistral', sliding_window: null })).toEqual(none);
  const smol = { model_type: 'smollm3', sliding_window: 3 };
  expect(windowsOf(smol)).toEqual(none);
  expect(windowsOf({ ...smol, use_sliding_window: true })).toEqual([undefined, undefined, undefined, 3]);
  expect(windowsOf({ ...smol, layer_types: types })).toEqual([3, ...none.slice(1)]);
  const gemma = { model_type: 'gemma3_text', sliding_window: 7 };
  expect(windowsOf({ ...gemma, sliding_window_pattern: 2 })).toEqual([7, undefined, 7, undefined]);
  expect(windowsOf({ ...gemma, use_bidirectional_attention: true })).toEqual([4, 4, 4, 4]);
  expect(layersOf({ ...small, ...gemma, use_bidirectional_attention: true })[0]?.mixer?.type).toBe(
    '@tessera/attention-softmax:bidirectional-attention',
  );
});

test('the inner width of lfm2 follows its factor and its multiple', () => {
  const hidden = (fields: object): unknown => {
    const [layer] = layersOf({ ...small, model_type: 'lfm2', ...fields });
    return (layer?.feedForward?.config as { hidden: number } | undefined)?.hidden;
  };
  expect(hidden({})).toBe(256);
  expect(hidden({ block_auto_adjust_ff_dim: false })).toBe(16);
  expect(hidden({ intermediate_size: 41, block_ffn_dim_multiplier: 0.8, block_multiple_of: 3 })).toBe(21);
  expect(hidden({ block_ff_dim: 30, block_multiple_of: 1 })).toBe(20);
  expect(hidden({ block_ff_dim: 31, block_ffn_dim_multiplier: null })).toBe(20);
});

test('files of the bare model lack the prefix', () => {
  const names = publishedLayouts
    // One has two prefixes, others none at all, or are nothing without it.
    .filter(({ modelTypes }) => !/^gemma3$|^linearized_flash$|^memory_mosaics_/.test(modelTypes[0]!))
    .map((layout) => {
      const config = { model_type: layout.modelTypes[0], tie_word_embeddings: true, num_hidden_layers: 1 };
      const full = layout.rules(config).flatMap(publishedNames);
      const bare = full.map((name) => name.slice(name.indexOf('.') + 1));
      expect(rulesOf(config, bare).flatMap(publishedNames)).toEqual(bare);
      return full[0];
    });
  expect(names).toContain('transformer.wte.weight');
});

test('a tied matrix may be published under either name or both', () => {
  const config = { model_type: 'gpt_neox', tie_word_embeddings: true, num_hidden_layers: 1 };
  const [embedding, head] = ['gpt_neox.embed_in.weight', 'embed_out.weight'] as const;
  const rest = rulesOf(config).slice(1).flatMap(publishedNames);
  expect(rulesOf(config, [embedding, ...rest])[0]).toMatchObject({ published: embedding });
  expect(rulesOf(config, [head, ...rest])[0]).toMatchObject({ published: head, ours: 'embedding.weight' });
  expect(rulesOf(config, [embedding, head, ...rest]).slice(0, 2)).toMatchObject([
    { published: embedding, ours: 'embedding.weight' },
    { kind: 'copy', published: head, untied: 'head.weight' },
  ]);
  const untied = { ...config, tie_word_embeddings: false };
  expect(rulesOf(untied, [embedding, 'lm_head.weight'])[1]).toMatchObject({ published: 'lm_head.weight' });
  expect(rulesOf(untied)[1]).toMatchObject({ published: head, ours: 'head.weight' });
});

test('the convolutions of the hybrid keep the borders of their file', () => {
  const config = { ...small, model_type: 'olmo_hybrid', layer_types: ['linear_attention'], num_hidden_layers: 1 };
  const sizes = [72];
  const at = 'model.layers.0.linear_attn.';
  const rule = (shapes: object): TensorRule | undefined =>
    layoutOf(config)
      .rules(config, new Map(Object.entries(shapes)))
      .find(({ kind }) => kind === 'regroup');
  const thirds = { [`${at}q_conv1d.weight`]: [24, 1, 4], [`${at}k_conv1d.weight`]: [24, 1, 4] };
  expect(rule({ ...thirds, [`${at}v_conv1d.weight`]: [24, 1, 4] })).toMatchObject({ rows: [24, 24, 24], sizes });
  expect(rule({ [`${at}conv1d.weight`]: [72, 1, 4] })).toMatchObject({ published: [`${at}conv1d.weight`], rows: [72] });
  expect(rule({})).toMatchObject({ rows: [18, 18, 36], sizes });
});

test('the text part of gemma3 is read out of its wrapper', () => {
  const config = {
    model_type: 'gemma3',
    text_config: { ...small, model_type: 'gemma3_text', head_dim: 8 },
    vision_config: { hidden_size: 8 },
    image_token_index: 7,
    eos_token_id: [1, 106],
  };
  const { spec, warnings } = layoutOf(config).toSpec(config);
  const text = { ...config.text_config };
  expect(spec).toEqual(layoutOf(text).toSpec(text).spec);
  expect(warnings).toEqual(
    [
      "config.json (model_type 'gemma3'): eos_token_id is [1, 106], which is outside the vocabulary of 48 tokens; no token will ever match it.",
      "config.json (model_type 'gemma3'): vision_config is a record, which is left out: only text is read.",
    ].toReversed(),
  );
  expect(rulesOf(config)[0]).toMatchObject({ published: 'language_model.model.embed_tokens.weight' });
  const renamed = rulesOf(config, ['model.language_model.embed_tokens.weight']);
  expect(renamed[1]).toMatchObject({ published: 'model.language_model.layers.0.input_layernorm.weight' });
  const odd = { ...config, text_config: { ...config.text_config, zzz: 1 } };
  expect(() => layoutOf(odd).toSpec(odd)).toThrow("field 'text_config.zzz' is 1");
});

test('our own layout holds the spec itself', () => {
  const spec = { vocabSize: 8, dModel: 4, maxPositions: 16, layers: [{ mixer: { type: 'some-package:mixer' } }] };
  const config = { model_type: 'tessera', spec, plugins: { 'some-package': '^1.0.0' }, eos_token_id: 9 };
  const layout = layoutOf(config);
  const reading = layout.toSpec(config);
  expect(reading.spec).toEqual(spec);
  expect(reading.warnings).toHaveLength(1);
  expect(layout.rules(config, new Map([['layers.0.mixer.w', [4]]]))).toEqual([
    { kind: 'rename', published: 'layers.0.mixer.w', ours: 'layers.0.mixer.w' },
  ]);
  expect(() => layout.toSpec({ ...config, spec: { ...spec, dModel: 0 } })).toThrow(
    'config.json: spec.dModel is 0, expected a whole number from 1.',
  );
  expect(() => layout.toSpec({ ...config, spec: undefined })).toThrow("field 'spec' is missing");
  expect(() => layout.toSpec({ ...config, spec: { ...spec, layers: new Array(2000) } })).toThrow('at most 1024 layers');
  expect(() => layout.toSpec({ ...config, plugins: { a: 1 } })).toThrow("field 'plugins.a' is 1, expected a range");
  expect(() => layout.toSpec({ ...config, more: 1 })).toThrow("field 'more' is 1");
  expect(() => layout.toSpec(config, { contextLength: 17 })).toThrow(
    'for 16 positions (maxPositions). Set at most 16.',
  );
  expect(() => layout.rules(config)).toThrow('Pass the shapes of the tensors.');
});
