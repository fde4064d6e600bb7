import { modelSpecSchema, validate } from '@tessera/plugin';
import type { ModelSpec, PublishedConfig } from '@tessera/plugin';
import { expect, test } from 'vitest';
import { flaLayouts } from './families/fla/fla-layouts.ts';
import { linearizedFlash } from './families/papers/linearized-flash.ts';
import { memoryMosaicsLibrary } from './families/papers/memory-mosaics-library.ts';
import { memoryMosaicsNano } from './families/papers/memory-mosaics-nano.ts';
import { layoutOf } from './layout-of.ts';
import { publishedLayouts } from './published-layouts.ts';

const small = {
  num_key_value_heads: 2,
  hidden_size: 24,
  intermediate_size: 16,
  num_attention_heads: 2,
  num_hidden_layers: 4,
  vocab_size: 48,
};

/** Without what GPT-2 does not know. */
const { num_key_value_heads: _, intermediate_size: __, ...plain } = small;

/** Probabilities in a spec: of the embedding, of what each layer adds, and of the weights of each attention. */
function dropoutOf(config: PublishedConfig): object {
  const { spec } = layoutOf(config).toSpec(config);
  validate(modelSpecSchema, spec, 'spec');
  const { embedding, layers } = spec as ModelSpec;
  return {
    embedding: embedding?.dropout,
    residual: layers.map(({ residualDropout }) => residualDropout),
    attention: layers.map(({ mixer }) => (mixer!.config as { readonly dropout?: number }).dropout),
  };
}

const every = (value: number | undefined): (number | undefined)[] => [value, value, value, value];
const none = { embedding: undefined, residual: every(undefined), attention: every(undefined) };
const attends = { attention_dropout: 0.25 };

/** Where transformers 5.17 drops for each family, with all of its fields set. */
const cases: readonly [modelType: string, fields: object, expected: object][] = [
  ...[
    'llama',
    'qwen2',
    'qwen3',
    'mistral',
    'granite',
    'smollm3',
    'olmo2',
    'gemma3_text',
    'minicpm3',
    'deepseek_v2',
    'deepseek_v3',
  ].map((modelType): [string, object, object] => [modelType, attends, { ...none, attention: every(0.25) }]),
  ['gemma3', { text_config: { ...small, ...attends } }, { ...none, attention: every(0.25) }],
  // Three of four layers do not attend by softmax.
  ...['olmo_hybrid', 'qwen3_next'].map((modelType): [string, object, object] => [
    modelType,
    attends,
    { ...none, attention: [undefined, undefined, undefined, 0.25] },
  ]),
  [
    'kimi_linear',
    { ...attends, layer_types: ['linear_attention', 'linear_attention', 'full_attention', 'linear_attention'] },
    { ...none, attention: [undefined, undefined, 0.25, undefined] },
  ],
  ['minimax', attends, { ...none, attention: [0.25, undefined, 0.25, undefined] }],
  ['lfm2', {}, none],
  // Its kernels do not drop.
  ['grouped_latent_gla', attends, none],
  ['grouped_latent_gta', attends, none],
  // The published code reads no probability of the embedding.
  [
    'phi3',
    { ...attends, resid_pdrop: 0.5, embd_pdrop: 0.75 },
    { ...none, residual: every(0.5), attention: every(0.25) },
  ],
  [
    'gpt2',
    { embd_pdrop: 0.75, resid_pdrop: 0.5, attn_pdrop: 0.25, summary_first_dropout: 0.3 },
    { embedding: 0.75, residual: every(0.5), attention: every(0.25) },
  ],
  [
    'gpt_neox',
    { ...attends, hidden_dropout: 0.5, attention_probs_dropout_prob: 0.9, hidden_dropout_prob: 0.9 },
    { embedding: 0.5, residual: every(0.5), attention: every(0.25) },
  ],
];

/** One drops nothing, the others have tests of their own. */
const others = [linearizedFlash, memoryMosaicsLibrary, memoryMosaicsNano];

test('all families are among them but those that drop nothing or have tests of their own', () => {
  expect(cases.map(([modelType]) => modelType).toSorted()).toEqual(
    publishedLayouts
      .filter((layout) => !flaLayouts.includes(layout) && !others.includes(layout))
      .flatMap(({ modelTypes }) => modelTypes)
      .toSorted(),
  );
});

test.each(cases)(
  '%s drops where the published code does, and its config stays as it is',
  (model_type, fields, expected) => {
    const sizes = model_type === 'gemma3' ? {} : model_type === 'gpt2' ? plain : small;
    const config = { model_type, ...sizes, ...fields };
    const before = JSON.stringify(config);
    expect(dropoutOf(config)).toEqual(expected);
    expect(JSON.stringify(config)).toBe(before);
    // Zeros are no setting of a spec.
    const zeros = JSON.parse(before, (key, value: unknown) => (/drop/.test(key) ? 0 : value)) as PublishedConfig;
    expect(dropoutOf(zeros)).toEqual(none);
  },
);

test('fields that are left out have the defaults of the published code', () => {
  expect(dropoutOf({ model_type: 'gpt2', ...plain })).toEqual({
    embedding: 0.1,
    residual: every(0.1),
    attention: every(0.1),
  });
  expect(dropoutOf({ model_type: 'llama', ...small })).toEqual(none);
});

test('a probability beyond 1 is refused by its field', () => {
  expect(() => dropoutOf({ model_type: 'gpt2', ...plain, embd_pdrop: 1.5 })).toThrow(/field 'embd_pdrop' is 1\.5/);
  expect(() => dropoutOf({ model_type: 'phi3', ...small, embd_pdrop: -1 })).toThrow(/field 'embd_pdrop' is -1/);
});
