import { describe, expect, test } from 'vitest';
import { trace } from '../graph.ts';
import * as t from '../index.ts';
import type { Tensor } from '../tensor.ts';
import { draws, expectGradient } from './finite-differences.test-support.ts';

const positive = (shape: readonly number[], seed = 1): Tensor => {
  const { data } = draws(shape, seed).source as { data: Float64Array };
  return t.fromHost(
    data.map((x) => 0.3 + Math.abs(x)),
    shape,
  );
};
const i32 = (values: t.NestedNumbers): Tensor => t.tensor(values, { dtype: 'i32' });

describe('functions of one number', () => {
  test.each([
    ['neg', t.neg],
    ['abs', t.abs],
    ['exp', t.exp],
    ['sin', t.sin],
    ['cos', t.cos],
    ['tanh', t.tanh],
    ['sigmoid', t.sigmoid],
    ['erf', t.erf],
    ['sign', t.sign],
    ['floor', t.floor],
  ] as const)('%s', async (name, f) => {
    // erf of the CPU is good to 1e-7 only, and differences magnify that.
    await expectGradient((x) => [f(x!)], [draws([3, 5])], name === 'erf' ? { step: 1e-3, tolerance: 1e-4 } : {});
  });
  test.each([
    ['log', t.log],
    ['sqrt', t.sqrt],
    ['rsqrt', t.rsqrt],
  ] as const)('%s', async (_, f) => {
    await expectGradient((x) => [f(x!)], [positive([7])]);
  });
});

describe('functions of two numbers, stretched both ways', () => {
  test.each([
    ['add', t.add],
    ['sub', t.sub],
    ['mul', t.mul],
    ['max', t.maximum],
    ['min', t.minimum],
  ] as const)('%s', async (_, f) => {
    await expectGradient((a, b) => [f(a!, b!)], [draws([2, 3, 1]), draws([3, 4], 2)]);
  });
  test.each([
    ['div', t.div],
    ['pow', t.pow],
    ['rem', t.rem],
  ] as const)('%s', async (_, f) => {
    await expectGradient((a, b) => [f(a!, b!)], [positive([2, 3, 1]), positive([3, 4], 2)]);
  });
  test('where', async () => {
    await expectGradient((a, b) => [t.where(t.greater(a!, 0), t.mul(a!, b!), b!)], [draws([2, 3]), draws([3], 2)]);
  });
  test('the larger of two equal ones is half of each', async () => {
    const graph = trace(
      (a, b) => Object.values(t.grad((x: Tensor[]) => t.sum(t.maximum(x[0]!, x[1]!)))([a!, b!])),
      [t.ones([2]), t.ones([2])],
    );
    const [da] = (await new t.CpuDevice().compile(graph)).run(
      [t.ones([2]), t.ones([2])].map((x) => t.fromHost(new Float32Array(2).fill(1), x.shape)),
    );
    expect([...(await t.read(da!))]).toEqual([0.5, 0.5]);
  });
});

describe('reductions and products', () => {
  test.each([1, 63, 65])('of %i elements', async (n) => {
    await expectGradient(
      (x) => [t.sum(x!, { axis: 1 }), t.max(x!, { axis: 1 }), t.min(x!, { axis: 0 }), t.mean(x!)],
      [draws([2, n])],
    );
  });
  test.each([
    [
      [3, 4],
      [4, 5],
    ],
    [
      [2, 3, 4],
      [4, 5],
    ],
    [
      [2, 1, 3, 4],
      [3, 4, 2],
    ],
  ] as const)('%j times %j', async (a, b) => {
    await expectGradient((x, y) => [t.matmul(x!, y!)], [draws(a), draws(b, 2)]);
  });
  test('running sums and sorting', async () => {
    await expectGradient(
      (x) => [
        t.cumsum(x!, 1),
        t.cumsum(x!, 0, { reverse: true, exclusive: true }),
        t.sort(x!, { descending: true }).values,
      ],
      [draws([4, 5])],
    );
  });
});

test('views', async () => {
  await expectGradient(
    (x) => [
      t.permute(t.reshape(x!, [6, 4]), [1, 0]),
      t.broadcastTo(t.slice(x!, 1, 1, 2), [2, 5, 4]),
      t.flip(x!, 2),
      t.pad(x!, 1, 2, 1, 7),
      t.concat([x!, t.mul(x!, 2), t.slice(x!, 1, 0, 0)], 1),
      t.slice(x!, 2, 1, 3),
      t.apply1(t.sliceOp, [x!], { starts: [0, 2, 3], sizes: [2, 2, 2], steps: [1, -2, -3] }),
    ],
    [draws([2, 3, 4])],
  );
});

test('rows by number', async () => {
  await expectGradient(
    (x, i, u) => [t.gather(x!, i!), t.scatterAdd(x!, i!, u!), t.scatterSet(x!, i!, u!)],
    [draws([6, 3]), i32([0, 5, -1, 9, 2]), draws([5, 3], 2)],
  );
  await expectGradient(
    (x, i) => [t.gather(x!, i!, { batchDims: 1 })],
    [
      draws([2, 4, 3]),
      i32([
        [0, 0, 3],
        [1, -1, 1],
      ]),
    ],
  );
});

test('weights of sixteen bits have gradients in single precision', async () => {
  const x = t.fromHost(Float32Array.of(1, 2), [1, 2]);
  const w = t.tensor(
    [
      [0.5, 1, -1],
      [2, 0, 3],
    ],
    { dtype: 'bf16' },
  );
  const graph = trace((a, b) => [t.gradOf(t.sum(t.square(t.matmul(a!, b!))), [b!])[0]!], [x, w]);
  const [dw] = (await new t.CpuDevice().compile(graph)).run([x, w]);
  expect(dw!.dtype).toBe('f32');
  expect([...(await t.read(dw!))]).toEqual([9, 2, 10, 18, 4, 20]);
});

describe('loops', () => {
  const recurrence = (
    x: Tensor,
    s: Tensor,
    w: Tensor,
    options: { reverse?: boolean; count?: Tensor } = {},
  ): Tensor[] => {
    const { carry, outputs } = t.scan({
      carry: { s, n: t.zeros([], 'i32') },
      sequences: { x },
      ...options,
      step: ({ s: before, n }, { x: element }) => {
        const next = t.tanh(t.add(t.reshape(t.matmul(t.reshape(before, [1, -1]), w), before.shape), element));
        return { carry: { s: next, n: t.add(n, 1) }, output: t.mul(next, t.add(t.cast(n, 'f32'), 1)) };
      },
    });
    return [carry.s, outputs];
  };
  test.each([0, 1, 5])('of %i steps', async (T) => {
    await expectGradient((x, s, w) => recurrence(x!, s!, w!), [draws([T, 3]), draws([3], 2), draws([3, 3], 3)]);
  });
  test('in reverse, and with a count that is data', async () => {
    for (const reverse of [false, true])
      for (const count of [undefined, 0, 2, 5])
        await expectGradient(
          (x, s, w) =>
            recurrence(x!, s!, w!, {
              reverse,
              ...(count !== undefined && { count: t.tensor(count, { dtype: 'i32' }) }),
            }),
          [draws([5, 3]), draws([3], 2), draws([3, 3], 3)],
        );
  });
  test('by chunks, when keeping every carry would take much memory', async () => {
    // A carry of 1200 × 1200 doubles as 4 bytes: five steps are past what is kept.
    const big = (x: Tensor, w: Tensor, reverse: boolean, count?: Tensor): Tensor[] => {
      const { carry, outputs } = t.scan({
        carry: t.zeros([1200, 1200]),
        sequences: x,
        reverse,
        ...(count && { count }),
        step: (s, element) => {
          const next = t.add(t.mul(s, w), element);
          return { carry: next, output: t.sum(t.square(next)) };
        },
      });
      return [t.sum(carry, { axis: 0 }), outputs].map((y) => t.mul(t.sum(y), 1e-6));
    };
    for (const reverse of [false, true])
      await expectGradient((x, w) => big(x!, w!, reverse), [draws([5]), draws([1], 2)], { tolerance: 1e-5 });
    await expectGradient((x, w) => big(x!, w!, false, t.tensor(4, { dtype: 'i32' })), [draws([5]), draws([1], 2)], {
      tolerance: 1e-6,
    });
  });
});

test.each([
  ['step by step', 2],
  ['by chunks', 1200],
])('a loop sums up no gradient of a weight that nobody asks about, %s', async (_, D) => {
  const device = new t.CpuDevice();
  const weight = device.upload(new Uint16Array(3 * D), { shape: [3, D], dtype: 'bf16' });
  const loss = (x: Tensor, carry: Tensor, w: Tensor): Tensor => {
    const { outputs } = t.scan({
      carry,
      sequences: x,
      step: (sum, row) => ({ carry: t.add(sum, row), output: t.matmul(t.reshape(row, [1, D]), t.transpose(w)) }),
    });
    return t.sum(outputs);
  };
  const types = [
    [9, D],
    [D, D],
    [3, D],
  ].map((shape) => ({ shape, dtype: 'f32' as const }));
  const sums = (asked: number[]): number => {
    const graph = trace((...inputs) => {
      const [x, carry, own] = inputs as [Tensor, Tensor, Tensor];
      const w = asked.includes(2) ? own : weight;
      return t.gradOf(loss(x, carry, w), asked.map((index) => inputs[index]!)); // prettier-ignore
    }, types);
    const ofWeight = [`3,${D}`, `${D},3`];
    return graph.nodes.filter(
      ({ op, outputs }) =>
        op.id === t.scanOp.id && outputs.some((output) => ofWeight.includes(graph.types[output]!.shape.join())),
    ).length;
  };
  expect([sums([0]), sums([0, 2])]).toEqual([0, 1]);
});

test('a gradient can be differentiated: an inner step of gradient descent', async () => {
  await expectGradient(
    (w, x, y) => {
      const inner = (v: Tensor): Tensor => t.sum(t.square(t.sub(t.tanh(t.matmul(x!, v)), y!)));
      const stepped = t.sub(w!, t.mul(t.grad(inner)(w!), 0.1));
      return [inner(stepped)];
    },
    [draws([3, 2]), draws([4, 3], 2), draws([4, 2], 3)],
  );
});

test('the gradient of a loop can be differentiated too', async () => {
  await expectGradient(
    (w, x) => {
      const loss = (v: Tensor): Tensor => {
        const { carry } = t.scan({
          carry: t.ones([2]),
          sequences: x!,
          step: (s, e) => ({ carry: t.mul(t.tanh(t.add(s, e)), v), output: {} }),
        });
        return t.sum(t.square(carry));
      };
      return [t.grad(loss)(w!)];
    },
    [draws([2]), draws([4, 2], 2)],
    { tolerance: 1e-6 },
  );
});

describe('what is computed again', () => {
  const layer = (x: Tensor, w: Tensor): Tensor => t.tanh(t.matmul(t.tanh(t.matmul(x, w)), w));
  test('has the same gradient, of what it reads from outside too', async () => {
    await expectGradient(
      (x, w) => [t.recompute(({ y }) => layer(y, w!), { y: layer(x!, w!) })],
      [draws([3, 4]), draws([4, 4], 2)],
    );
  });
  test('shares no work with the first time', () => {
    const count = (again: boolean): number =>
      trace(
        (x, w) => {
          const y = again ? t.recompute((v: Tensor) => layer(v, w!), x!) : layer(x!, w!);
          return [y, t.gradOf(t.sum(y), [x!])[0]!];
        },
        [draws([3, 4]), draws([4, 4], 2)],
      ).nodes.filter(({ op }) => op.id === t.matmulOp.id).length;
    // Two forward and two for dx; of the recomputed one only its body again, the op itself counts as none.
    expect(count(false)).toBe(4);
    expect(count(true)).toBe(4);
  });
  test('may be a loop body and be differentiated twice', async () => {
    await expectGradient(
      (w, x) => {
        const loss = (v: Tensor): Tensor => {
          const { carry } = t.scan({
            carry: t.ones([1, 2]),
            sequences: x!,
            step: (s, e) => ({ carry: t.recompute((y: Tensor) => layer(t.add(y, e), v), s), output: {} }),
          });
          return t.sum(t.square(carry));
        };
        return [t.grad(loss)(w!)];
      },
      [draws([2, 2]), draws([3, 2], 2)],
      { tolerance: 1e-6 },
    );
  });
});

test('a gradient by hand counts', async () => {
  const clipped = (x: Tensor): Tensor =>
    t.customGradient(
      (y: Tensor) => t.mul(y, 3),
      ({ input, cotangent }) => t.mul(cotangent, t.where(t.greater(input, 0), 7, 0)),
      x,
    );
  const x = t.tensor([-1, 2]);
  const graph = trace((y) => [clipped(y!), t.gradOf(t.sum(t.square(clipped(y!))), [y!])[0]!], [x]);
  const outputs = (await new t.CpuDevice().compile(graph)).run([x]);
  expect([...(await t.read(outputs[0]!))]).toEqual([-3, 6]);
  expect([...(await t.read(outputs[1]!))].map((value) => value + 0)).toEqual([0, 84]);
});

test('nothing flows through what is stopped, compared or counted', async () => {
  const graph = trace(
    (x) => [t.gradOf(t.sum(t.add(t.stopGradient(t.square(x!)), t.cast(t.greater(x!, 0), 'f32'))), [x!])[0]!],
    [t.ones([3])],
  );
  const [dx] = (await new t.CpuDevice().compile(graph)).run([t.tensor([1, 2, 3])]);
  expect([...(await t.read(dx!))]).toEqual([0, 0, 0]);
});

test('what cannot be differentiated is refused with what to do', () => {
  expect(() => t.grad((x: Tensor) => t.mul(x, 2))(t.ones([2]))).toThrow(
    'grad: the value is f32[2], expected one f32. Sum it, or give vjp a cotangent.',
  );
  expect(() => t.grad((x: { n: Tensor }) => t.sum(t.cast(x.n, 'f32')))({ n: t.ones([2], 'i32') })).toThrow(
    'grad: n is i32; only floats have gradients.',
  );
});
