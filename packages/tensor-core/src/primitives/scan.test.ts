import { describe, expect, test } from 'vitest';
import { CpuDevice } from '../cpu/cpu-device.ts';
import { trace } from '../graph.ts';
import { deviations, flat, layouts, nested, reals, values } from '../nested.reference.ts';
import { tensor } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';
import { add, exp, mul, sub } from './elementwise.ts';
import { gather, iota, scatterSet, zeros } from './index-ops.ts';
import { matmul } from './matmul.ts';
import { sum } from './reduce.ts';
import { scan } from './scan.ts';
import { at, broadcastTo, expandDims, slice } from './view.ts';

const count = (n: number): Tensor => tensor(n, { dtype: 'i32' });

describe('scan', () => {
  test.each([0, 1, 2, 63, 65])('over %i elements is the loop, forwards and backwards, however they lie', async (T) => {
    const [x, start] = [reals([T, 3], 1), reals([3], 2)];
    for (const reverse of [false, true]) {
      const outputs: number[][] = Array.from({ length: T }, () => []);
      let state = flat(start);
      for (let turn = 0; turn < T; turn++) {
        const t = reverse ? T - 1 - turn : turn;
        state = state.map((s, i) => 0.5 * s + x.at(t, i));
        outputs[t] = state.map((s, i) => s * x.at(t, i));
      }
      for (const [, sequence] of layouts(x)) {
        const made = scan({
          carry: flat(start).length ? tensor(flat(start)) : zeros([3]),
          sequences: sequence,
          reverse,
          step: (s, e) => {
            const next = add(mul(s, 0.5), e);
            return { carry: next, output: mul(next, e) };
          },
        });
        expect(made.outputs.shape).toEqual([T, 3]);
        expect(deviations(await values(made.carry), state, 1e-5)).toEqual([]);
        expect(deviations(await values(made.outputs), outputs.flat(), 1e-5)).toEqual([]);
      }
    }
  });

  test('carries and outputs are trees', async () => {
    const made = scan({
      carry: { a: tensor(1), list: [tensor([1, 1]), { b: tensor(0) }] as const },
      sequences: { x: tensor([1, 2, 3]), y: [tensor([10, 20, 30])] },
      step: ({ a, list: [v, { b }] }, { x, y: [y] }) => ({
        carry: { list: [mul(v, x), { b: add(b, y!) }] as const, a: add(a, b) },
        output: { seen: b, rest: [v] },
      }),
    });
    expect(await values(made.carry.a)).toEqual([1 + 0 + 10 + 30]);
    expect(await values(made.carry.list[0])).toEqual([6, 6]);
    expect(await values(made.carry.list[1].b)).toEqual([60]);
    expect(await values(made.outputs.seen)).toEqual([0, 10, 30]);
    expect(await values(made.outputs.rest[0]!)).toEqual([1, 1, 1, 1, 2, 2]);
  });

  test('the number of steps may be data; the rest of the outputs is zero', async () => {
    const run = async (n: number, reverse: boolean): Promise<number[][]> => {
      const { carry, outputs } = scan({
        carry: tensor(0),
        sequences: tensor([1, 2, 3, 4, 5]),
        count: count(n),
        reverse,
        step: (s, x) => ({ carry: add(mul(s, 10), x), output: add(s, x) }),
      });
      return [await values(carry), await values(outputs)];
    };
    expect(await run(3, false)).toEqual([[123], [1, 3, 15, 0, 0]]);
    expect(await run(3, true)).toEqual([[321], [33, 5, 3, 0, 0]]);
    expect(await run(0, false)).toEqual([[0], [0, 0, 0, 0, 0]]);
    expect(await run(9, false)).toEqual([[12345], [1, 3, 15, 127, 1239]]);
    expect(await run(-4, false)).toEqual([[0], [0, 0, 0, 0, 0]]);
  });

  test('without sequences it takes a length', async () => {
    const { carry } = scan({
      carry: tensor([1, 1]),
      sequences: {},
      length: 10,
      step: (v) => ({ carry: matmulVector(v), output: {} }),
    });
    expect(await values(carry)).toEqual([89, 144]);
  });

  test('what it reads from outside is computed once, outside', async () => {
    const x = tensor([1, 2, 3]);
    const graph = trace(
      (factor) => {
        const costly = exp(factor!);
        const { carry } = scan({
          carry: tensor(0),
          sequences: x,
          step: (s, e) => ({ carry: add(s, mul(e, add(costly, exp(tensor(0))))), output: {} }),
        });
        return [carry];
      },
      [{ shape: [], dtype: 'f32' }],
    );
    const body = (graph.nodes.at(-1)!.attributes as { body: { nodes: { attributes: object }[] } }).body;
    expect(body.nodes.filter(({ attributes }) => 'fn' in attributes && attributes.fn === 'exp')).toEqual([]);
    const device = new CpuDevice({ poison: true });
    const [made] = (await device.compile(graph)).run([tensor(1)]);
    expect(deviations(await values(made!), [6 * (Math.E + 1)])).toEqual([]);
  });

  test('a step may return its carry, an element, a constant or a captured value as they are', async () => {
    const outside = mul(tensor([5, 6]), 2);
    const made = scan({
      carry: { kept: tensor([1, 2]), swapped: tensor([3, 4]), replaced: tensor([0, 0]) },
      sequences: tensor([[7, 8], [9, 10]]), // prettier-ignore
      step: ({ kept, swapped }, e) => ({
        carry: { kept, swapped: e, replaced: outside },
        output: [e, kept, swapped, outside, tensor([1]), e] as const,
      }),
    });
    expect(await values(made.carry.kept)).toEqual([1, 2]);
    expect(await values(made.carry.swapped)).toEqual([9, 10]);
    expect(await values(made.carry.replaced)).toEqual([10, 12]);
    const outputs: number[][] = [];
    for (const output of made.outputs) outputs.push(await values(output));
    expect(outputs).toEqual([[7, 8, 9, 10], [1, 2, 1, 2], [3, 4, 7, 8], [10, 12, 10, 12], [1, 1], [7, 8, 9, 10]]); // prettier-ignore
  });

  test('two carries may be exchanged', async () => {
    const { carry } = scan({
      carry: [tensor(1), tensor(2)] as const,
      sequences: {},
      length: 3,
      step: ([a, b]) => ({ carry: [b, a] as const, output: {} }),
    });
    expect([await values(carry[0]), await values(carry[1])]).toEqual([[2], [1]]);
  });

  test('a scan inside a scan reads the outer carry and what both capture', async () => {
    const x = reals([4, 3], 5);
    const offset = add(tensor(0.25), 0);
    const { carry, outputs } = scan({
      carry: tensor(1),
      sequences: layouts(x)[1]![1],
      step: (s, row) => {
        const inner = scan({
          carry: zeros([]),
          sequences: row,
          step: (t, e) => ({ carry: add(t, mul(s, add(e, offset))), output: t }),
        });
        return { carry: mul(inner.carry, 0.5), output: inner.outputs };
      },
    });
    let s = 1;
    const seen: number[] = [];
    for (let i = 0; i < 4; i++) {
      let t = 0;
      for (let j = 0; j < 3; j++) {
        seen.push(t);
        t += s * (x.at(i, j) + 0.25);
      }
      s = t / 2;
    }
    expect(deviations(await values(carry), [s], 1e-5)).toEqual([]);
    expect(deviations(await values(outputs), seen, 1e-5)).toEqual([]);
  });

  test('a carry that starts stretched or as a constant is not overwritten', async () => {
    const start = broadcastTo(tensor(2), [4]);
    const step = (s: Tensor, i: Tensor): { carry: Tensor; output: Tensor } => ({
      carry: scatterSet(s, expandDims(i, 0), expandDims(sum(s), 0)),
      output: s,
    });
    const { carry, outputs } = scan({ carry: start, sequences: iota([3]), step });
    expect(await values(carry)).toEqual([8, 14, 26, 2]);
    expect(await values(outputs)).toEqual([2, 2, 2, 2, 8, 2, 2, 2, 8, 14, 2, 2]);
    expect(await values(start)).toEqual([2, 2, 2, 2]);
  });

  test('integers and 16 bits pass through', async () => {
    const table = tensor([[1, 2], [3, 4], [5, 6]], { dtype: 'bf16' }); // prettier-ignore
    const { carry, outputs } = scan({
      carry: tensor(0, { dtype: 'i32' }),
      sequences: { id: tensor([2, 0], { dtype: 'i32' }), row: slice(table, 0, 0, 2) },
      step: (s, { id, row }) => ({ carry: add(s, id), output: { row, found: gather(table, id) } }),
    });
    expect(await values(carry)).toEqual([2]);
    expect(outputs.row.dtype).toBe('bf16');
    expect(await values(matmul(tensor([[1, 1]]), outputs.found))).toEqual([6, 8]);
  });

  test('an inverse scan undoes a scan of doubles exactly enough', async () => {
    const x = reals([40], 6);
    const wide = new CpuDevice({ precision: 'f64', poison: true });
    const forwards = scan({
      carry: tensor(0),
      sequences: layouts(x)[3]![1],
      step: (s, e) => ({ carry: add(s, e), output: s }),
    });
    const back = scan({
      carry: forwards.carry,
      sequences: forwards.outputs,
      reverse: true,
      step: (s, before) => ({ carry: before, output: sub(s, before) }),
    });
    expect(deviations(await values(back.outputs, wide), flat(x), 1e-14)).toEqual([]);
    expect(at(back.outputs, 0, 0).shape).toEqual([]);
    expect(nested([2], (i) => i).at(1)).toBe(1);
  });
});

describe('errors of scan', () => {
  const wrong: [string, () => unknown, string][] = [
    [
      'a carry that changes its shape',
      () => scan({ carry: zeros([2]), sequences: zeros([3, 1]), step: () => ({ carry: zeros([3]), output: {} }) }),
      'scan: carry 0 is f32[2] before and f32[3] after a step. Keep its type.',
    ],
    [
      'a carry with other leaves',
      () =>
        scan({
          carry: { a: zeros([]) },
          sequences: zeros([3]),
          step: (_, e) => ({ carry: { b: e } as never, output: {} }),
        }),
      'scan: the carry has leaves a before and b after a step. Return the same tree.',
    ],
    [
      'sequences of two lengths',
      () => scan({ carry: {}, sequences: [zeros([3]), zeros([4])], step: (carry) => ({ carry, output: {} }) }),
      'scan: sequence 1 has 4 elements, expected 3.',
    ],
    [
      'no length',
      () => scan({ carry: {}, sequences: {}, step: (carry) => ({ carry, output: {} }) }),
      'scan: without sequences it needs a length.',
    ],
    [
      'a count that is no scalar',
      () =>
        scan({ carry: {}, sequences: zeros([3]), count: zeros([1], 'i32'), step: (carry) => ({ carry, output: {} }) }),
      'scan: the count is i32[1], expected i32[].',
    ],
  ];
  test.each(wrong)('%s', (_, run, message) => expect(run).toThrow(message));
});

/** Fibonacci by [a, b] → [b, a + b]. */
function matmulVector(v: Tensor): Tensor {
  return at(matmul(expandDims(v, 0), tensor([[0, 1], [1, 1]])), 0, 0); // prettier-ignore
}
