import type { MixerFactory, ParamSpec } from '@tessera/plugin';
import { decodingOf, validate } from '@tessera/plugin';
import { CpuDevice, fromHost, randomKey, randomNormal, read } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { deltaNet } from '../delta-net/delta-net.ts';
import { gatedDeltaNet } from '../gated-delta-net/gated-delta-net.ts';
import { kernelAttention } from '../kernel-attention/kernel-attention.ts';
import { shortConvolution } from '../short-convolution/short-convolution.ts';

const [D, T] = [6, 23];
const device = new CpuDevice({ precision: 'f64' });
const heads = { heads: 2, keyDim: 3, valueDim: 3 };

const ints = (values: readonly number[]): Tensor => fromHost(Int32Array.from(values), [1, values.length]);
const row = (value: number): Tensor => fromHost(Int32Array.of(value), [1]);

// oxlint-disable-next-line typescript/no-explicit-any -- mixers of several kinds
type Any = MixerFactory<any, any, any>;

// 16 entries are the most that go one after another, so that both forms are handed documents.
test.each<[string, Any, object]>([
  ['a decay and the delta rule', gatedDeltaNet, { keyHeads: 2, keyDim: 3, valueDim: 3 }],
  ['the delta rule', deltaNet, { ...heads, convolution: 3 }],
  ['a denominator', kernelAttention, heads],
  ['a convolution', shortConvolution, { kernel: 4, bias: true }],
])('%s: documents packed over several steps are what they are in one', async (_, mixer, given) => {
  const config = validate<object>(mixer.config, given, 'config');
  const specs = Object.entries(mixer.params({ config, dModel: D, layer: 0, layers: 1 })) as [string, ParamSpec][];
  const params: Record<string, Tensor> = {};
  for (const [i, [name, { shape }]] of specs.entries())
    params[name] = fromHost(await read(randomNormal(randomKey(i + 1), shape), device), shape);
  const x = (await read(randomNormal(randomKey(0), [T, D]), device)) as Float64Array;
  // Documents end within a step, at its end, and have a single entry.
  const documents = Array.from({ length: T }, (_, t) => (t < 2 ? 7 : t < 6 ? 0 : t < 7 ? 4 : t < 20 ? 1 : 0));
  const call = (from: number, to: number): object => ({
    params,
    config,
    x: fromHost(x.slice(from * D, to * D), [1, to - from, D]),
    positions: ints(documents.slice(from, to).map((_, t) => from + t)),
    starts: row(0),
    lengths: row(to - from),
    segments: ints(documents.slice(from, to)),
  });
  const whole = await read(mixer.forward(call(0, T) as never).y, device);
  const decoding = decodingOf(mixer);
  let state = decoding.init({ config, params, dModel: D, layer: 0, layers: 1, batch: 1, capacity: T, chunk: T });
  const made: number[] = [];
  // Each step begins within a document that the one before left open.
  for (const [from, to] of [
    [0, 5],
    [5, 6],
    [6, 8],
    [8, 23],
  ] as const) {
    const goesOn = from === 0 || documents[from] === documents[from - 1];
    if (!goesOn)
      state = decoding.init({ config, params, dModel: D, layer: 0, layers: 1, batch: 1, capacity: T, chunk: T });
    const step = decoding.step({ ...(call(from, to) as never as object), state } as never);
    state = step.state;
    made.push(...(await read(step.y, device)));
  }
  expect(Math.max(...made.map((value, i) => Math.abs(value - whole[i]!)))).toBeLessThan(1e-10);
  expect(Math.max(...made.map(Math.abs))).toBeGreaterThan(1e-2);
});
