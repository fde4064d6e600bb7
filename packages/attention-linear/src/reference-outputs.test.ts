import { linearAttentionChunked, linearAttentionRecurrent } from '@tessera/ops';
import type { Tensor } from '@tessera/tensor-core';
import { CpuDevice, fromHost, read, zeros } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { entriesOf } from '@tessera/plugin';
import type { Form, ReferenceCase } from './reference-outputs.test-support.ts';
import { constantsOf, folders, referenceCases, runOp } from './reference-outputs.test-support.ts';

const ops = [
  'linear_attn',
  'linear_attn_normalized',
  'simple_gla',
  'gla',
  'retention',
  'delta_rule',
  'gated_delta_rule',
  'gated_delta_product_n3',
  'gated_delta_product_n2_g',
  'kda',
];
const committed = referenceCases(folders.committed, ops);
const beside = referenceCases(folders.all, ops);
// oxlint-disable-next-line no-console -- whoever reads the log has to know what was not tried
if (beside.length === 0) console.log(`Only the ${committed.length} committed cases: the others are not checked out beside this repository.`); // prettier-ignore

const device = new CpuDevice();
const forms: readonly (readonly [string, Form])[] = [
  ['one entry after another', linearAttentionRecurrent],
  ['chunks of 64', (call) => linearAttentionChunked(call)],
  ['chunks of 16', (call) => linearAttentionChunked(call, { chunk: 16 })],
];

/** Greatest difference as a part of the greatest reference. */
async function relative(actual: Tensor, expected: { readonly data: ArrayLike<number> }): Promise<number> {
  const values = await read(actual, device);
  expect(values.length).toBe(expected.data.length);
  const largest = Math.max(...Array.from(expected.data, Math.abs));
  return Math.max(...Array.from(values, (value, i) => Math.abs(value - expected.data[i]!))) / largest;
}

const cases = beside.length > 0 ? beside : committed;

test('there are cases', () => {
  expect(committed.length).toBe(4);
  expect([0, ops.length]).toContain(new Set(beside.map(({ op }) => op)).size);
});

test.each(cases.filter(({ tensors }) => !tensors['cu_seqlens']))('$name', async (one) => {
  const T = one.tensors['q']!.shape[1]!;
  for (const [name, form] of forms) {
    const made = runOp(one.op, constantsOf(one, [0, T]), form);
    for (const [output, expected] of Object.entries(one.tensors).filter(([key]) => key.startsWith('out_')))
      expect({ name, output, within: (await relative(made[output]!, expected)) < 2e-5 }).toEqual({ name, output, within: true }); // prettier-ignore
  }
});

/** Documents of a packed case: from one entry to before another. */
function documentsOf({ tensors }: ReferenceCase): [number, number][] {
  const borders = Array.from(tensors['cu_seqlens']!.data);
  return borders.slice(1).map((stop, i) => [borders[i]!, stop]);
}

test.each(cases.filter(({ tensors }) => tensors['cu_seqlens']))('$name: packed documents', async (one) => {
  const T = one.tensors['q']!.shape[1]!;
  const documents = documentsOf(one);
  const numbers = Int32Array.from({ length: T }, (_, t) => documents.findIndex(([, stop]) => t < stop));
  const entries = entriesOf(
    { starts: zeros([1], 'i32'), lengths: fromHost(Int32Array.of(T), [1]), segments: fromHost(numbers, [1, T]) },
    T,
    one.op,
  );
  for (const [name, form] of forms) {
    const packed = runOp(one.op, constantsOf(one, [0, T]), form, entries.documents);
    expect({ name, o: (await relative(packed['out_o']!, one.tensors['out_o']!)) < 2e-5 }).toEqual({ name, o: true });
    for (const [i, range] of documents.entries()) {
      const alone = runOp(one.op, constantsOf(one, range), form);
      for (const [output, { data }] of Object.entries(one.tensors).filter(([key]) => key.startsWith('out_final'))) {
        const size = data.length / documents.length;
        const expected = { data: data.subarray(i * size, (i + 1) * size) };
        for (const state of i === documents.length - 1 ? [alone, packed] : [alone])
          expect({ name, output, i, within: (await relative(state[output]!, expected)) < 2e-5 }).toEqual({ name, output, i, within: true }); // prettier-ignore
      }
    }
  }
});
