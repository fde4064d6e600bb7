import type { Model, ModelSpecInput } from '@tessera/assembler';
import { createAssembler } from '@tessera/assembler';
import { gatedDeltaNet, linearAttention } from '@tessera/attention-linear';
import { latentAttentions, multiHeadLatentAttention } from '@tessera/attention-latent';
import { softmax, softmaxAttention } from '@tessera/attention-softmax';
import { definePlugin } from '@tessera/plugin';
import type { AnyMixer, CachePolicy } from '@tessera/plugin';
import { describe, expect, test } from 'vitest';
import { sinkCache } from './sink-cache.ts';

const assembler = createAssembler({ plugins: [softmax, linearAttention, latentAttentions] });
const rotary = { theta: 100 };
const full = { mixer: softmaxAttention({ heads: 2, rotary }) };
const hybrid: ModelSpecInput = {
  vocabSize: 11,
  dModel: 8,
  maxPositions: 32,
  layers: [
    full,
    { mixer: gatedDeltaNet({ keyHeads: 2, valueHeads: 2, keyDim: 4, valueDim: 4 }) },
    { mixer: softmaxAttention({ heads: 2, window: 5, rotary }) },
    { mixer: multiHeadLatentAttention({ heads: 2, headDim: 4, latentDim: 8, rotaryDim: 4, rotary }) },
  ],
};
const ids = (length: number, first = 0): number[] => Array.from({ length }, (_, i) => ((first + i) * 7 + i * i) % 11);
const open = (spec: ModelSpecInput, cachePolicy?: CachePolicy, onWarning?: (warning: string) => void): Promise<Model> =>
  assembler.assemble(spec, { device: 'cpu', cachePolicy, onWarning });

describe('a stream without end', () => {
  test('of thousands of tokens meets no limit and takes no more memory, in a hybrid of all kinds of layers', async () => {
    await using model = await open(hybrid, sinkCache({ sinks: 2, window: 20 }));
    using session = await model.session();
    await session.feed([ids(10)]);
    const { stateBytes } = session;
    await session.feed([ids(3000, 10)]);
    for (let t = 0; t < 300; t++) await session.feed([ids(1, t)]);
    expect(session.length).toBe(3310);
    expect(session.length).toBeGreaterThan(100 * model.contextLength);
    expect(session.stateBytes).toBe(stateBytes);
  });

  test('of generated tokens goes far past the context, after a prompt that is longer than it', async () => {
    await using model = await open(hybrid, sinkCache({ sinks: 2, window: 20 }));
    const { newTokenIds, finishReason } = await model.generate(ids(100), { maxNewTokens: 2000, temperature: 0 });
    expect([newTokenIds.length, finishReason]).toEqual([2000, 'length']);
    await using bounded = await open(hybrid);
    await expect(bounded.generate(ids(100), { maxNewTokens: 1 })).rejects.toThrow('the context holds 32');
  });

  test('equals the ordinary model as long as nothing is evicted, and differs after that', async () => {
    await using streaming = await open(hybrid, sinkCache({ sinks: 2, window: 20 }));
    await using plain = await open(hybrid);
    const furthest = async (length: number): Promise<number> => {
      using a = await streaming.session();
      using b = await plain.session();
      const [x, y] = [await a.feed([ids(length)]), await b.feed([ids(length)])];
      return Math.max(...x.map((logit, i) => Math.abs(logit - y[i]!)));
    };
    expect(await furthest(22)).toBeLessThan(1e-5);
    expect(await furthest(23)).toBeGreaterThan(1e-5);
  });

  test('read token by token, by chunks and in rows of different lengths is the same stream', async () => {
    await using model = await open(hybrid, sinkCache({ sinks: 3, window: 9 }));
    const [one, two] = [ids(200), ids(77, 5)];
    using single = await model.session();
    let expected = new Float32Array();
    for (const id of one) expected = new Float32Array(await single.feed([[id]]));
    using rows = await model.session({ batch: 2 });
    await rows.feed([one.slice(0, 130), two.slice(0, 3)]);
    await rows.feed([[], two.slice(3)]);
    const logits = await rows.feed([one.slice(130), []]);
    const furthest = Math.max(...expected.map((logit, i) => Math.abs(logit - logits[i]!)));
    expect(furthest).toBeLessThan(1e-5);
  });
});

describe('what is kept', () => {
  const furthest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
    Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));
  const after = async (model: Model, text: readonly number[]): Promise<Float32Array> => {
    using session = await model.session();
    return await session.feed([text]);
  };

  test('streaming sinks 10.10: a needle that left the window of every layer is lost, and one in a sink or the window is not', async () => {
    const spec = { ...hybrid, maxPositions: 96, layers: [full, hybrid.layers[3]!, hybrid.layers[2]!] };
    await using model = await open(spec, sinkCache({ sinks: 2, window: 6 }));
    await using whole = await open(spec);
    const plain = ids(60);
    // Each layer carries what it saw 5 tokens further, the local one 4.
    for (const [at, found] of [[0, true], [1, true], [10, false], [30, false], [44, false], [55, true]] as const) {
      const other = plain.with(at, (plain[at]! + 3) % 11);
      expect(furthest(await after(model, other), await after(model, plain)) > 1e-6, `a needle at ${at}`).toBe(found);
      expect(furthest(await after(whole, other), await after(whole, plain))).toBeGreaterThan(1e-6);
    }
  }); // prettier-ignore

  test('local and recurrent layers are what they are without a policy', async () => {
    const spec = { ...hybrid, maxPositions: 256, layers: [hybrid.layers[2]!, hybrid.layers[1]!] };
    await using streaming = await open(spec, sinkCache({ sinks: 3, window: 4 }), () => {});
    await using plain = await open(spec);
    const text = ids(150);
    expect(furthest(await after(streaming, text), await after(plain, text))).toBe(0);
  });

  test('a prompt shorter than the sinks, of one token, and longer than everything', async () => {
    await using model = await open({ ...hybrid, layers: [full] }, sinkCache({ sinks: 4, window: 1 }));
    await using plain = await open({ ...hybrid, layers: [full] });
    for (const length of [1, 2, 4, 5]) expect(furthest(await after(model, ids(length)), await after(plain, ids(length)))).toBeLessThan(1e-6);
    // With a window of 1 a token sees the sinks and itself: of one layer that is a text of five.
    const text = ids(30);
    const kept = [...text.slice(0, 4), text.at(-1)!];
    expect(furthest(await after(model, text), await after(plain, kept))).toBeLessThan(1e-6);
    await expect(after(model, [])).resolves.toEqual(new Float32Array(11));
  }); // prettier-ignore

  test('another text begins in another session, and knows nothing of the one before', async () => {
    await using model = await open(hybrid, sinkCache({ sinks: 2, window: 6 }));
    const expected = await after(model, ids(9, 4));
    await after(model, ids(90));
    expect(await after(model, ids(9, 4))).toEqual(expected);
  });
});

describe('at assembly', () => {
  const policy = sinkCache({ sinks: 4, window: 12 });

  test('a window below 1, sinks below 0 and names that are not known are refused', () => {
    expect(() => sinkCache({ sinks: 4, window: 0 })).toThrow(
      'sinkCache: window is 0, expected a whole number from 1: the newest token is part of the window.',
    );
    expect(() => sinkCache({ sinks: -1, window: 4 })).toThrow(
      'sinkCache: sinks is -1, expected a whole number from 0.',
    );
    expect(() => sinkCache({ sinks: 1, window: 4, chunks: 'some' as never })).toThrow("expected 'exact' or 'block'");
    expect(() => sinkCache({ sinks: 1, window: 4, positions: 'none' as never })).toThrow(
      "expected 'cache' or 'stream'",
    );
    expect(() => sinkCache({ sinks: 1, window: 4, size: 3 } as never)).toThrow("'size' is not an option");
  });

  test('learned positions are refused, and the reason is said', async () => {
    const spec = { ...hybrid, layers: [full], embedding: { positions: 32 } };
    await expect(open(spec, policy)).rejects.toThrow(
      "cachePolicy '4 sinks, window 12' does not fit the model: its tokens have learned positions added to them",
    );
  });

  test('as many sinks as the model has positions are refused; more in all are told of', async () => {
    await expect(open(hybrid, sinkCache({ sinks: 32, window: 1 }))).rejects.toThrow('32 sinks leave no position');
    const warnings: string[] = [];
    await using model = await open(hybrid, sinkCache({ sinks: 4, window: 29 }), (warning) => warnings.push(warning));
    expect(warnings).toEqual([expect.stringContaining('more positions than the 32 that the model was made for')]);
    expect(model.spec.maxPositions).toBe(32);
  });

  test('a stack in which nothing grows is told that there is nothing to evict', async () => {
    const warnings: string[] = [];
    const spec = { ...hybrid, layers: [hybrid.layers[1]!, hybrid.layers[2]!] };
    await using model = await open(spec, policy, (warning) => warnings.push(warning));
    expect(warnings).toEqual([expect.stringContaining('no layer has a cache that grows')]);
    expect((await model.generate(ids(40), { maxNewTokens: 40, temperature: 0 })).newTokenIds.length).toBe(40);
  });

  test('a mixer that does not follow policies is named with its path and the mend', async () => {
    const { followsPolicy: _, ...decoding } = (softmaxAttention as AnyMixer).decoding!;
    const name = '@example/own:attention' as const;
    const own = definePlugin({
      contract: 'plugin/1',
      name: '@example/own',
      mixers: [{ ...(softmaxAttention as AnyMixer), name, decoding }],
    });
    const spec = { ...hybrid, layers: [full, { mixer: { type: name, config: { heads: 2 } } }] };
    await expect(
      createAssembler({ plugins: [softmax, own] }).assemble(spec, { device: 'cpu', cachePolicy: policy }),
    ).rejects.toThrow(
      "spec.layers.1.mixer (@example/own:attention): its memory grows (linear) and it does not say that it reads it as a policy says, so cachePolicy '4 sinks, window 12' cannot evict from it. " +
        'Let its decoding honour CachePolicy.read and set followsPolicy, take another mixer, or leave cachePolicy out.',
    );
  });
});
