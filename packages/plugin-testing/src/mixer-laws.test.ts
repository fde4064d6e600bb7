import type { AnyMixer, AnyState, Memory } from '@tessera/plugin';
import { fields, number } from '@tessera/plugin';
import {
  CpuDevice,
  add,
  broadcastTo,
  concat,
  iota,
  less,
  mapTree,
  mean,
  mul,
  slice,
  transpose,
  where,
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import type { LawError } from './law.ts';
import { mixerLaws } from './mixer-laws.ts';
import type { MixerLawsOptions } from './mixer-laws.ts';
import { firstValues } from './trial/first-values.ts';
import { gatedDeltaNet } from './trial/gated-delta-net.ts';
import { growingCache } from './trial/growing-cache.ts';
import { cacheWriter } from './trial/cache-writer.ts';

/** The laws that a mixer breaks, with what they say. */
async function broken(mixer: AnyMixer, options: Partial<MixerLawsOptions> = {}): Promise<Map<string, LawError>> {
  const found = new Map<string, LawError>();
  for (const law of mixerLaws({ config: {}, dModel: 12, ...options, mixer }))
    await law.run().catch((error: unknown) => found.set(law.name, error as LawError));
  return found;
}

type Parts = Partial<Omit<AnyMixer, 'decoding'>> & { readonly decoding?: Partial<NonNullable<AnyMixer['decoding']>> };

/** A mixer with a fault. */
function faulty(mixer: AnyMixer, fault: Parts): AnyMixer {
  return { ...mixer, ...fault, decoding: { ...mixer.decoding!, ...fault.decoding } } as AnyMixer;
}

const { forward } = growingCache as AnyMixer;
const { step, init, memory } = growingCache.decoding as NonNullable<AnyMixer['decoding']>;

const faults: Readonly<
  Record<string, { mixer: AnyMixer; laws: readonly string[]; options?: Partial<MixerLawsOptions> }>
> = {
  'forward sees one entry ahead': {
    mixer: faulty(growingCache, {
      forward: (call) => {
        const { y } = forward(call);
        return { y: add(y, concat([slice(y, 1, 1), slice(y, 1, -1)], 1)) };
      },
    }),
    laws: ['forward is causal to the bit', 'one step over a prompt equals forward'],
  },
  'a step sees its last entry everywhere': {
    mixer: faulty(growingCache, {
      decoding: {
        step(call) {
          const { y, state } = step(call);
          return { y: add(y, mul(slice(y, 1, -1), 1e-6)), state };
        },
      },
    }),
    laws: ['a step is causal to the bit'],
  },
  'rows see the mean of the batch': {
    mixer: faulty(growingCache, {
      forward: (call) => {
        const { y } = forward(call);
        return { y: add(y, mean(y, { axis: 0, keepDims: true })) };
      },
    }),
    laws: ['rows of a batch do not see each other'],
  },
  'forward reads padding': {
    mixer: faulty(growingCache, {
      forward: (call) =>
        forward({
          ...call,
          starts: zeros(call.starts.shape, 'i32'),
          lengths: add(zeros(call.starts.shape, 'i32'), call.x.shape[1]!),
        }),
    }),
    laws: ['padding on either side changes nothing in forward'],
  },
  'forward ignores documents': {
    mixer: faulty(growingCache, { forward: ({ segments: _, ...call }) => forward(call) }),
    laws: ['packed documents do not see each other'],
  },
  'a step ignores lengths': {
    mixer: faulty(growingCache, {
      decoding: { step: (call) => step({ ...call, lengths: add(zeros(call.lengths.shape, 'i32'), call.x.shape[1]!) }) },
    }),
    laws: ['padded steps equal each row alone'],
  },
  'a step ignores starts': {
    mixer: faulty(growingCache, {
      decoding: { step: (call) => step({ ...call, starts: zeros(call.starts.shape, 'i32') }) },
    }),
    laws: ['padded steps equal each row alone'],
  },
  'a step is off by a thousandth': {
    mixer: faulty(growingCache, {
      decoding: {
        step(call) {
          const { y, state } = step(call);
          return { y: mul(y, 1.001), state };
        },
      },
    }),
    laws: ['one step over a prompt equals forward', 'token by token equals forward'],
  },
  'a tree is taken for a chain': {
    mixer: faulty(growingCache, { decoding: { trees: true } }),
    laws: ['a node of a tree gives what a chain along its path gives'],
  },
  'a commit keeps everything': {
    mixer: faulty(growingCache, { decoding: { commit: ({ state }) => state as object } }),
    laws: [
      'after accepted parts of chains it goes on as if the rest had never been',
      'after accepted paths of trees it goes on as if the rest had never been',
      'a rejected draft leaves no trace',
    ],
  },
  'a commit keeps nothing': {
    mixer: faulty(growingCache, { decoding: { commit: ({ snapshot }) => snapshot as object } }),
    laws: [
      'after accepted parts of chains it goes on as if the rest had never been',
      'a chain given as a tree equals a chain',
    ],
  },
  'a commit counts and does not look at the path': {
    mixer: faulty(cacheWriter, {
      decoding: {
        commit: ({ snapshot, state, count }) => ({
          ...(state as object),
          count: add((snapshot as { count: never }).count, count),
        }),
      },
    }),
    laws: ['after accepted paths of trees it goes on as if the rest had never been'],
  },
  'a trace of a rejected draft': {
    mixer: faulty(firstValues, {
      decoding: {
        commit: ({ snapshot, state }) => ({
          average: add((snapshot as { average: never }).average, mul((state as { average: never }).average, 1e-7)),
        }),
      },
    }),
    options: { segments: false, links: { values: [12] } },
    laws: ['a rejected draft leaves no trace'],
  },
  'the state has the batch as its second axis': {
    mixer: faulty(growingCache, {
      decoding: {
        init: (site) => mapTree(init(site), (leaf) => (leaf.rank > 1 ? transpose(leaf, 0, 1) : leaf)),
        step(call) {
          const turn = (state: AnyState): AnyState =>
            mapTree(state, (leaf) => (leaf.rank > 1 ? transpose(leaf, 0, 1) : leaf));
          const { y, state } = step({ ...call, state: turn(call.state as AnyState) });
          return { y, state: turn(state as AnyState) };
        },
      },
    }),
    laws: ['rows of a state can be reordered and chosen'],
  },
  'the state grows': {
    mixer: faulty(growingCache, {
      decoding: {
        step(call) {
          const { y, state } = step(call);
          const { k, ...rest } = state as Record<'k', never>;
          return { y, state: { ...rest, k: concat([k, slice(k, 1, 0, 1)], 1) } };
        },
      },
    }),
    laws: ['steps and commits never change the shape of the state'],
  },
  'memory counts too little': {
    mixer: faulty(growingCache, {
      decoding: { memory: (site): Memory => ({ ...memory(site), bytes: memory(site).bytes - 4 }) },
    }),
    laws: ['the memory is what it declares'],
  },
  'memory is said to be bounded': {
    mixer: faulty(growingCache, { decoding: { memory: (site): Memory => ({ ...memory(site), growth: 'bounded' }) } }),
    laws: ['the memory is what it declares'],
  },
  'slots are taken for positions': {
    mixer: faulty(growingCache, {
      decoding: {
        step: (call) => {
          const { y, state } = step(call);
          const { positions, ...rest } = state as Record<'positions', Tensor>;
          // A slot is taken for a position, which is right only while slots come in order.
          const slot = broadcastTo(iota([1, positions.shape[1]!], 1), positions.shape);
          return { y, state: { ...rest, positions: where(less(positions, 0), positions, slot) } };
        },
      },
    }),
    laws: ['the slots of a cache may lie in any order'],
  },
  'a link by position is declared as a memory': {
    mixer: faulty(firstValues, { reads: { values: 'memory' } }),
    options: { segments: false, links: { values: [12] } },
    laws: ['after accepted parts of chains it goes on as if the rest had never been'],
  },
  'a step depends on how much room there is': {
    mixer: faulty(growingCache, {
      decoding: {
        step(call) {
          const { y, state } = step(call);
          const room = (state as Record<'positions', Tensor>).positions.shape[1]!;
          return { y: room > 40 ? mul(y, 1.01) : y, state };
        },
      },
    }),
    laws: ['room to spare changes nothing'],
  },
  'a single entry is treated apart': {
    mixer: faulty(growingCache, { forward: (call) => ({ y: mul(forward(call).y, call.x.shape[1] === 1 ? 2 : 1) }) }),
    laws: ['forward takes a sequence of one entry and of none'],
  },
  'a step of seven entries takes the cache for empty': {
    mixer: faulty(growingCache, {
      decoding: {
        step(call) {
          const { y, state } = step(call);
          const { count, ...rest } = state as Record<'count', Tensor>;
          return { y, state: { ...rest, count: call.x.shape[1] === 7 ? mul(count, 0) : count } };
        },
      },
    }),
    laws: ['chunks of uneven sizes equal forward'],
  },
  'a setting is lost in JSON': {
    mixer: faulty(growingCache, {
      config: fields<{ width: number }>({ width: { ...number(), read: (value) => (value as number | null) ?? 0 } }),
    }),
    options: { config: { width: Infinity } },
    laws: ['the settings survive JSON, with defaults and without'],
  },
  'a weight has no spec': {
    mixer: faulty(growingCache, {
      params: (site) => ({ ...growingCache.params(site as never), extra: undefined }) as never,
    }),
    laws: ['learned tensors are declared the same each time and start finite'],
  },
  'weights are only read as 32 bits': {
    mixer: faulty(growingCache, {
      forward: (call) => ({
        y: mul(forward(call).y, (call.params as { q_proj: { dtype: string } }).q_proj.dtype === 'bf16' ? 1.1 : 1),
      }),
    }),
    laws: ['weights stored in 16 bits give what the same numbers in 32 bits give'],
  },
  'packed documents are taken and mixed': {
    mixer: faulty(growingCache, { forward: ({ segments: _, ...call }) => forward(call) }),
    options: { segments: false },
    laws: ['packed documents are refused'],
  },
  'the whole layer gives zeros': {
    mixer: faulty(growingCache, { forward: ({ x }) => ({ y: zeros(x.shape) }) }),
    laws: ['forward keeps the shape and stays finite'],
  },
};

test.each(Object.entries(faults))('the laws notice that %s', async (_, { mixer, laws, options }) => {
  const found = await broken(mixer, options);
  expect([...found.keys()]).toEqual(expect.arrayContaining([...laws]));
});

test('a broken law says which mixer, which law, where, and by how much', async () => {
  const { mixer } = faults['a step is off by a thousandth']!;
  const error = (await broken(mixer)).get('token by token equals forward')!;
  expect(error.code).toBe('LAW');
  expect(error.message).toMatch(
    /^@tessera\/plugin-testing:growing-cache breaks the law 'token by token equals forward' on CPU \(JavaScript\): parts of 1(, 1)*: row 0, position \d+, channel \d+ is [-\d.e]+, expected [-\d.e]+ within [\d.e-]+ \(difference [\d.e-]+\)\.$/,
  );
  expect(error.facts).toMatchObject({ law: 'token by token equals forward', row: 0, mixer: mixer.name });
});

test('a law holds on each device, and says on which it does not', async () => {
  const devices = [new CpuDevice({ poison: true }), new CpuDevice({ precision: 'f64', definitionsOnly: true })];
  const laws = mixerLaws({ mixer: gatedDeltaNet, config: { heads: 2 }, dModel: 12, segments: false, devices });
  expect(new Set(laws.map(({ name }) => name)).size).toBe(laws.length);
  expect(laws.at(-1)!.name).toContain('(device 1: ');
  for (const law of laws) await law.run();
});

test('in double precision the laws hold to 1e-12', async () => {
  const found = await broken(gatedDeltaNet, {
    config: { heads: 2 },
    segments: false,
    tolerance: 1e-12,
    devices: [new CpuDevice({ precision: 'f64' })],
  });
  expect([...found.keys()]).toEqual([]);
});

test('what a law makes on a device is freed when it ends', async () => {
  const device = new CpuDevice();
  const laws = mixerLaws({ mixer: growingCache, config: {}, dModel: 12, devices: [device] });
  for (const law of laws) await law.run();
  const parameters = 3 * 12 * 12 * 4;
  expect(device.allocatedBytes).toBe(parameters);
});

test('laws do not depend on the order in which they are run, and may run at once', async () => {
  const laws = mixerLaws({ mixer: growingCache, config: {}, dModel: 12 });
  const ends = await Promise.allSettled(laws.toReversed().map((law) => law.run()));
  expect(ends.filter(({ status }) => status === 'rejected')).toEqual([]);
});

test('a device is held to what the device of reference computes', async () => {
  // All numbers come to it half as large again: whatever it compares with itself fits.
  const wrong = new CpuDevice();
  const upload = wrong.upload.bind(wrong);
  wrong.upload = (data, type) => upload(data instanceof Float32Array ? data.map((value) => 1.5 * value) : data, type);
  const step = 'one step over a prompt equals forward';
  expect([...(await broken(growingCache, { devices: [wrong] })).keys()]).not.toContain(step);
  const reference = new CpuDevice();
  expect([...(await broken(growingCache, { devices: [wrong], reference })).keys()]).toContain(step);
  expect(await broken(growingCache, { devices: [new CpuDevice()], reference })).toEqual(new Map());
});
