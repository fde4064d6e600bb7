import { expect, test } from 'vitest';
import { publishedNames } from '../../rule-names.ts';
import { linearizedFlash } from './linearized-flash.ts';

const config = { model_type: 'linearized_flash', dim: 8, num_tokens: 16, depth: 2, query_key_dim: 4, causal: true };

const mixerOf = (given: object): unknown => linearizedFlash.toSpec({ ...config, ...given }).spec.layers[1]!.mixer;

test('units that see nothing later are those that decode', () => {
  expect(mixerOf({ group_size: 16, conv: true, kernel: 7 })).toEqual({
    type: '@tessera/attention-linear:gated-attention-unit',
    config: {
      keyDim: 4,
      valueDim: 16,
      shiftTokens: true,
      rotary: { order: 'interleaved' },
      group: 16,
      convolution: 4,
    },
  });
  expect(mixerOf({ global_: false, shift_tokens: false, laplace_attn_fn: true, castling: true })).toMatchObject({
    config: { parts: 'local', weights: 'laplace', castling: true },
  });
});

test('what a form does not read is not handed to its unit, which would refuse it', () => {
  const read = { laplace_attn_fn: true, castling: true, reduce_group_non_causal_attn: false };
  expect(mixerOf({ ...read, local_: false })).not.toHaveProperty('config.weights');
  expect(mixerOf({ ...read, causal: false, global_: false })).not.toHaveProperty('config.oneMemory');
  for (const unread of ['weights', 'oneMemory'])
    expect(mixerOf({ ...read, softmax: true })).not.toHaveProperty(`config.${unread}`);
  expect(mixerOf({ ...read, softmax: true })).not.toHaveProperty('config.castling', true);
});

test.each([
  [{ softmax: true }, { form: 'softmax', causal: true }],
  [{ square: true, causal: false }, { form: 'square' }],
  [
    { causal: false, reduce_group_non_causal_attn: false },
    { form: 'grouped', group: 256, oneMemory: false },
  ],
])('what %o divides by the whole length does not decode', (given, settings) => {
  expect(mixerOf(given)).toMatchObject({
    type: '@tessera/attention-linear:whole-gated-attention-unit',
    config: settings,
  });
});

test('positions are a layer of their own before the others, and taps with a mask are cut', () => {
  const rules = linearizedFlash.rules({ ...config, conv: true, kernel: 9, norm_type: 'layernorm' });
  expect(rules).toContainEqual({ kind: 'rename', published: 'abs_pos_emb.scale', ours: 'layers.0.mixer.scale' });
  expect(rules).toContainEqual({
    kind: 'taps',
    published: 'layers.1.dwconv.weight',
    ours: 'layers.2.mixer.conv',
    taps: 5,
    length: 9,
  });
  expect(rules.flatMap(publishedNames)).toContain('layers.0.norm.bias');
});

test.each([
  [{ local_: false, global_: false }, "field 'local_' is false"],
  [{ square: true, softmax: true }, "field 'softmax' is true"],
  [{ conv: true, kernel: 8 }, "field 'kernel' is 8"],
  [{ attn_dropout: 0.1 }, "field 'attn_dropout' is 0.1"],
  [{ quad: true }, "field 'quad' is true"],
])('%o is refused by name', (given, message) => {
  expect(() => mixerOf(given)).toThrow(message);
});
