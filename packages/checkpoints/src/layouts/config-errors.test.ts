import { isTesseraError, ModelFormatError, UnsupportedArchitectureError } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { layoutOf } from './layout-of.ts';
import { publishedLayouts } from './published-layouts.ts';

/** The error of a config in the layout of llama. */
function errorOf(fields: Record<string, unknown>, modelType = 'llama'): unknown {
  const config = { model_type: modelType, ...fields };
  try {
    layoutOf(config).toSpec(config);
  } catch (error) {
    return error;
  }
  return undefined;
}

function messageOf(fields: Record<string, unknown>, modelType = 'llama'): string {
  const error = errorOf(fields, modelType);
  if (error === undefined) return 'no error';
  return isTesseraError(error) ? error.message : `not a Tessera error: ${(error as Error).stack}`;
}

test('a field that nobody knows is refused by name', () => {
  const error = errorOf({ use_flux: 3 });
  expect(error).toBeInstanceOf(UnsupportedArchitectureError);
  expect((error as Error).message).toMatch(
    /^config\.json \(model_type "llama"\): field 'use_flux' is 3, and this layout does not know the field; it may change what the model computes\. Understood are add_cross_attention, attention_bias, .*rope_scaling.*\. Remove the field if the model does not need it, or register a layout that reads it\.$/,
  );
  expect((error as UnsupportedArchitectureError).facts).toMatchObject({
    modelType: 'llama',
    field: 'use_flux',
    value: 3,
  });
});

test.each(publishedLayouts.flatMap(({ modelTypes }) => modelTypes))('%s refuses an unknown field by name', (type) => {
  expect(messageOf({ text_config: {}, zzz: null }, type)).toMatch(/field '(zzz|text_config)' is /);
});

test('a nested field that nobody knows is refused by its path', () => {
  expect(messageOf({ rope_parameters: { rope_type: 'yarn', factor: 4, llama_4_scaling_beta: 0.1 } })).toContain(
    "field 'rope_parameters.llama_4_scaling_beta' is 0.1, and this layout does not know the field",
  );
  expect(messageOf({ rope_scaling: { type: 'default', mrope_section: [1, 2] } }, 'qwen2')).toContain(
    "field 'rope_scaling.mrope_section' is [1, 2]",
  );
});

test('a field that is understood in one way only is refused otherwise', () => {
  expect(messageOf({ clip_qkv: 8 }, 'olmo2')).toBe(
    'config.json (model_type "olmo2"): field \'clip_qkv\' is 8; understood is null. No layout here builds this variant.',
  );
  expect(messageOf({ is_causal: false })).toContain("field 'is_causal' is false; understood is true or null.");
  expect(messageOf({ quantization_config: { bits: 4 } })).toContain("field 'quantization_config' is a record;");
  expect(messageOf({ layer_types: ['sliding_attention'], num_hidden_layers: 1 })).toContain("'full_attention' only");
});

test('a word that is not understood is refused with those that are', () => {
  expect(messageOf({ hidden_act: 'xielu' })).toMatch(/field 'hidden_act' is "xielu"; understood is 'silu', 'swish', /);
  expect(messageOf({ rope_scaling: { type: 'yarn', factor: 2 } }, 'phi3')).toContain(
    "field 'rope_scaling.type' is \"yarn\"; understood is 'default', 'longrope', 'su'.",
  );
});

test.each([
  [{ hidden_size: -64 }, "field 'hidden_size' is -64, expected a whole number from 1 up to 4194304."],
  [{ hidden_size: '64' }, 'field \'hidden_size\' is "64", expected a whole number'],
  [{ hidden_size: 64.5 }, "field 'hidden_size' is 64.5, expected a whole number"],
  [{ hidden_size: Number.NaN }, "field 'hidden_size' is NaN, expected a whole number"],
  [{ hidden_size: null }, "field 'hidden_size' is null, expected a whole number"],
  [{ num_hidden_layers: 1e9 }, "field 'num_hidden_layers' is 1000000000, expected a whole number from 1 up to 1024."],
  [{ vocab_size: 1e308 }, "field 'vocab_size' is 1e+308, expected a whole number"],
  [{ rms_norm_eps: 1e308 }, "field 'rms_norm_eps' is 1e+308, expected a number from 0 up to 1."],
  [{ rope_theta: -1 }, "field 'rope_theta' is -1, expected a number from 1 up to"],
  [{ rope_theta: null }, "field 'rope_theta' is null, expected a number"],
  [{ rope_parameters: 'yarn' }, 'field \'rope_parameters\' is "yarn", expected a record.'],
  [{ rope_scaling: { type: 'linear' } }, "field 'rope_scaling.factor' is missing, expected a number above 0."],
  [{ attention_bias: 1 }, "field 'attention_bias' is 1, expected true or false."],
  [{ num_attention_heads: 32, num_key_value_heads: 5 }, 'expected a divisor of num_attention_heads = 32, not 5.'],
  [{ hidden_size: 65, num_attention_heads: 4 }, "field 'hidden_size' is 65, expected a multiple of the 4 heads"],
  [{ layer_types: new Array(1e6) }, "field 'layer_types' is a list of 1000000, expected a list of 32."],
  [{ attention_dropout: 2 }, "field 'attention_dropout' is 2, expected a number from 0 up to 1."],
  [{ eos_token_id: [1, 'x'] }, 'field \'eos_token_id\' is [1, "x"], expected a list of whole numbers.'],
])('a value that cannot be is named: %j', (fields, message) => {
  const error = errorOf(fields);
  expect(error).toBeInstanceOf(ModelFormatError);
  expect((error as Error).message).toContain(message);
});

test('own fields named like parts of every object are fields like others', () => {
  const config = JSON.parse('{"model_type": "llama", "__proto__": {"hidden_size": 8}}');
  expect(() => layoutOf(config).toSpec(config)).toThrow("field '__proto__' is a record, and this layout does not know");
  expect(messageOf({ constructor: 1 })).toContain("field 'constructor' is 1, and this layout does not know");
  const inherited = JSON.parse('{"__proto__": 1}');
  expect(() => layoutOf(inherited)).toThrow('config.json: model_type is missing, expected the name of a layout.');
});

test('huge values are refused at once and shown short', () => {
  const began = performance.now();
  const long = 'x'.repeat(5_000_000);
  const values = [long, new Array(3_000_000).fill(0), { [long]: 1 }, 1e9, 2 ** 53];
  for (const key of ['num_hidden_layers', 'layer_types', 'hidden_act', 'eos_token_id', 'rope_scaling', 'zzz', long])
    for (const value of values) expect(messageOf({ [key]: value }).length).toBeLessThan(2000);
  expect(performance.now() - began).toBeLessThan(5000); // against hangs; all together take some 50 ms
});

test('no value of any field of any family makes another error than a named one', () => {
  const values = [null, -1, 0, 1, 3, 1e9, 1e308, Number.NaN, '', 'x', [], [1], {}, { a: 1 }, true, false];
  for (const layout of publishedLayouts) {
    const [modelType] = layout.modelTypes as [string];
    const unknown = errorOf({ zzz: 1, text_config: { zzz: 1 } }, modelType) as UnsupportedArchitectureError;
    const known = unknown.facts['known'] as string[];
    expect(known.length).toBeGreaterThan(10);
    for (const key of known)
      for (const value of values) {
        expect(messageOf({ [key]: value }, modelType)).toMatch(
          /^no error$|^config\.json \(model_type "\w+"\): field '/,
        );
      }
  }
});

test('an unknown model_type is refused with those that are understood', () => {
  const understood = [...publishedLayouts.flatMap(({ modelTypes }) => modelTypes), 'tessera'].toSorted().join(', ');
  expect(() => layoutOf({ model_type: 'mamba9' })).toThrow(
    `config.json: model_type is "mamba9", which no layout reads; understood are ${understood}. Register a plugin with a layout for it.`,
  );
  expect(() => layoutOf({})).toThrow('config.json: model_type is missing, expected the name of a layout.');
  expect(() => layoutOf({ model_type: 3 })).toThrow('config.json: model_type is 3, expected the name of a layout.');
  expect(() => layoutOf(null as never)).toThrow('config.json: model_type is missing');
});

test('special ids outside the vocabulary warn', () => {
  const config = { model_type: 'llama', vocab_size: 48, eos_token_id: [1, 48], bos_token_id: null, pad_token_id: -1 };
  expect(layoutOf(config).toSpec(config).warnings).toEqual([
    "config.json (model_type 'llama'): eos_token_id is [1, 48], which is outside the vocabulary of 48 tokens; no token will ever match it.",
    "config.json (model_type 'llama'): pad_token_id is -1, which is outside the vocabulary of 48 tokens; no token will ever match it.",
  ]);
});
