import { describe, expect, test } from 'vitest';
import { read } from '../evaluate.ts';
import { trace } from '../graph.ts';
import type { CpuKernel } from '../kernel.ts';
import { constant, deviations, reals, values } from '../nested.reference.ts';
import type { Op, TensorType } from '../op.ts';
import { add, cast, div, exp, mul, sub } from '../primitives/elementwise.ts';
import { gather, scatterAdd, scatterSet, zeros } from '../primitives/index-ops.ts';
import { matmul } from '../primitives/matmul.ts';
import { scan } from '../primitives/scan.ts';
import { concat, slice, transpose } from '../primitives/view.ts';
import { apply1, tensor } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';
import { CpuDevice } from './cpu-device.ts';

const f32 = (...shape: number[]): TensorType => ({ shape, dtype: 'f32' });
const i32 = (...shape: number[]): TensorType => ({ shape, dtype: 'i32' });

/** A tensor that the device owns, not the caller. */
function owned(device: CpuDevice, ...numbers: number[]): Tensor {
  const program = device.prepare(trace((x) => [add(x!, 0)], [f32(numbers.length)]));
  return program.run([tensor(numbers)])[0]!;
}

describe('memory', () => {
  test('is flat over 1000 runs when results are disposed', () => {
    const device = new CpuDevice({ poison: true });
    const weights = device.upload(new Float32Array(12).fill(0.5), f32(3, 4));
    const before = device.allocatedBytes;
    const program = device.prepare(
      trace(
        (x, w) => {
          const y = matmul(x!, w!);
          const { carry } = scan({
            carry: zeros([2, 4]),
            sequences: {},
            length: 3,
            step: (s) => ({ carry: add(s, y), output: {} }),
          });
          return [carry, transpose(y), x!, slice(y, 0, 0, 1)];
        },
        [f32(2, 3), f32(3, 4)],
      ),
    );
    for (let run = 0; run < 1000; run++) for (const made of program.run([tensor([[1, 2, 3], [4, 5, 6]]), weights])) made.dispose(); // prettier-ignore
    expect(device.allocatedBytes).toBe(before);
  });

  test('counts what is held, and disposing twice frees once', () => {
    const device = new CpuDevice();
    const a = device.upload(new Float32Array(10), f32(10));
    const b = device.upload(Uint16Array.of(1, 2, 3), { shape: [3], dtype: 'bf16' });
    expect(device.allocatedBytes).toBe(46);
    a.dispose();
    a.dispose();
    expect(device.allocatedBytes).toBe(6);
    b.dispose();
    expect(device.allocatedBytes).toBe(0);
  });

  test('a result outlives the inputs that it is a view of', async () => {
    const device = new CpuDevice({ poison: true });
    const x = owned(device, 1, 2, 3, 4);
    const [part] = device.prepare(trace((t) => [slice(t!, 0, 1, 3)], [f32(4)])).run([x]);
    x.dispose();
    const noise = Array.from({ length: 5 }, () => owned(device, 9, 9, 9, 9));
    expect(await values(part!)).toEqual([2, 3]);
    expect(noise.length).toBe(5);
  });

  test('a program may run again and again, results of earlier runs staying as they are', async () => {
    const device = new CpuDevice({ poison: true });
    const program = device.prepare(trace((t) => [mul(t!, 2)], [f32(2)]));
    const first = program.run([tensor([1, 2])])[0]!;
    const second = program.run([first])[0]!;
    expect([await values(first), await values(second)]).toEqual([[2, 4], [4, 8]]); // prettier-ignore
  });

  test('dispose of a device lets go of spare memory and leaves tensors readable', async () => {
    const device = new CpuDevice();
    const x = owned(device, 1, 2);
    device.dispose();
    expect(await values(x)).toEqual([1, 2]);
  });
});

describe('donated inputs', () => {
  const graph = trace(
    (state, at, row) => [scatterSet(state!, at!, row!), slice(state!, 0, 0, 1)],
    [f32(4, 2), i32(1), f32(1, 2)],
  );
  const alone = trace((state, at, row) => [scatterAdd(state!, at!, row!)], [f32(4, 2), i32(1), f32(1, 2)]);
  const state = (device: CpuDevice): Tensor =>
    device.prepare(trace((x) => [add(x!, 0)], [f32(4, 2)])).run([constant(reals([4, 2], 1))])[0]!;

  test('give the same results, and an input that is not donated stays as it is', async () => {
    for (const program of [graph, alone]) {
      const device = new CpuDevice({ poison: true });
      const [kept, given] = [state(device), state(device)];
      const before = await values(kept);
      const inputs = [tensor([2], { dtype: 'i32' }), tensor([[7, 8]])] as const;
      const plain = device.prepare(program).run([kept, ...inputs]);
      const donating = device.prepare(program, { donate: [0] }).run([given, ...inputs]);
      for (const [index, made] of plain.entries()) expect(await values(donating[index]!)).toEqual(await values(made));
      expect(await values(kept)).toEqual(before);
      expect(given.source.kind).toBe('disposed');
      await expect(read(given)).rejects.toThrow('read: the tensor was disposed');
    }
  });

  test('are overwritten in place: a long run of steps holds one state', async () => {
    const device = new CpuDevice();
    let cache = state(device);
    const bytes = device.allocatedBytes;
    const program = device.prepare(alone, { donate: [0] });
    for (let step = 0; step < 1000; step++) {
      [cache] = program.run([cache, tensor([step % 4], { dtype: 'i32' }), tensor([[1, 2]])]) as [Tensor];
      expect(device.allocatedBytes).toBe(bytes);
    }
    const expected = reals([4, 2], 1);
    const sums = [0, 1, 2, 3].flatMap((i) => [expected.at(i, 0) + 250, expected.at(i, 1) + 500]);
    expect(deviations(await values(cache), sums, 1e-4)).toEqual([]);
  });

  test('that are also given as another input are not overwritten', async () => {
    const device = new CpuDevice({ poison: true });
    const both = trace((a, b, at) => [scatterSet(a!, at!, slice(b!, 0, 0, 1)), b!], [f32(3), f32(3), i32(1)]);
    for (const donate of [[0], [1], [0, 1]]) {
      const x = owned(device, 1, 2, 3);
      const made = device.prepare(both, { donate }).run([x, x, tensor([2], { dtype: 'i32' })]);
      expect([await values(made[0]!), await values(made[1]!)]).toEqual([[1, 2, 1], [1, 2, 3]]); // prettier-ignore
      expect(x.source.kind).toBe('disposed');
    }
  });

  test('of the host are never overwritten', async () => {
    const device = new CpuDevice();
    const data = Float32Array.of(1, 2, 3);
    const scatter = trace((a, at) => [scatterSet(a!, at!, tensor([9]))], [f32(3), i32(1)]);
    const [made] = device.prepare(scatter, { donate: [0] }).run([tensor(data), tensor([0], { dtype: 'i32' })]);
    expect(await values(made!)).toEqual([9, 2, 3]);
    expect([...data]).toEqual([1, 2, 3]);
  });

  test('whose memory another tensor views are not overwritten', async () => {
    const device = new CpuDevice({ poison: true });
    const [whole, view] = device.prepare(trace((x) => {
      const y = add(x!, 1);
      return [y, slice(y, 0, 0, 2)];
    }, [f32(3)])).run([tensor([0, 1, 2])]); // prettier-ignore
    const scatter = trace((a, at) => [scatterSet(a!, at!, tensor([9]))], [f32(3), i32(1)]);
    const [made] = device.prepare(scatter, { donate: [0] }).run([whole!, tensor([0], { dtype: 'i32' })]);
    expect([await values(made!), await values(view!)]).toEqual([[9, 2, 3], [1, 2]]); // prettier-ignore
  });

  test('stay when the run is refused', async () => {
    const device = new CpuDevice();
    const x = owned(device, 1, 2, 3);
    const program = device.prepare(
      trace((a, b) => [add(a!, b!)], [f32(3), f32(3)]),
      { donate: [0] },
    );
    expect(() => program.run([x, tensor([1])])).toThrow('program: input 1 is f32[1], expected f32[3].');
    expect(await values(x)).toEqual([1, 2, 3]);
  });
});

describe('precision', () => {
  test('a device of doubles computes any graph in doubles', async () => {
    const wide = new CpuDevice({ precision: 'f64', poison: true });
    expect(await values(div(tensor(1), 3), wide)).toEqual([1 / 3]);
    expect(await values(div(tensor(1), 3))).toEqual([Math.fround(1 / 3)]);
    const recorded = exp(mul(sub(tensor([0.1, 0.7]), 0.3), Math.PI));
    const { outputs } = scan({
      carry: tensor(0.1),
      sequences: recorded,
      step: (s, e) => ({ carry: mul(s, e), output: add(s, e) }),
    });
    const e = [0.1, 0.7].map((x) => Math.exp((x - 0.3) * Math.PI));
    expect(await values(concat([outputs, gather(recorded, tensor([1], { dtype: 'i32' }))], 0), wide)).toEqual([
      0.1 + e[0]!,
      0.1 * e[0]! + e[1]!,
      e[1]!,
    ]);
  });

  test('reads a constant in the precision of the device', async () => {
    const x = tensor([0.1]);
    const device = new CpuDevice();
    expect(await read(x, device)).toEqual(Float32Array.of(0.1));
    expect(device.allocatedBytes).toBe(0);
    expect(await read(x, new CpuDevice({ precision: 'f64' }))).toEqual(Float64Array.of(0.1));
  });
});

describe('a tensor that is allocated first and written later', () => {
  test('is counted at once, and pieces in any order make the whole', async () => {
    for (const precision of ['f32', 'f64'] as const) {
      const device = new CpuDevice({ precision });
      const x = device.allocate(f32(2, 3));
      expect([device.allocatedBytes, x.shape, x.dtype]).toEqual([24, [2, 3], 'f32']);
      device.write(x, Float32Array.of(4, 5, 6), 3);
      device.write(x, Float32Array.of(1, 2, 3));
      device.write(x, Float32Array.of(9), 1);
      expect([...(await device.read(x))]).toEqual([1, 9, 3, 4, 5, 6]);
      x.dispose();
      expect(device.allocatedBytes).toBe(0);
    }
    const device = new CpuDevice();
    const half = device.allocate({ shape: [3], dtype: 'bf16' });
    device.write(half, Uint16Array.of(1, 2));
    device.write(half, Uint16Array.of(3), 2);
    expect(await device.read(half)).toEqual(Uint16Array.of(1, 2, 3));
  });

  test('is read when a program runs, not when it is compiled; results stay what they were', async () => {
    const device = new CpuDevice();
    const weights = device.allocate(f32(2));
    const program = device.prepare(trace((x) => [mul(x!, weights)], [f32(2)]));
    device.write(weights, Float32Array.of(2, 3));
    const [first] = program.run([tensor([1, 10])]);
    device.write(weights, Float32Array.of(5, 7));
    const [second] = program.run([tensor([1, 10])]);
    expect([...(await device.read(first!)), ...(await device.read(second!))]).toEqual([2, 30, 5, 70]);
  });

  test('refuses what does not fit, and tensors that are not its own', () => {
    const device = new CpuDevice();
    const x = device.allocate(i32(4));
    expect(() => device.write(x, Int32Array.of(1, 2), 3)).toThrow(
      'write: 2 elements from 3 on do not fit a tensor of shape [4].',
    );
    expect(() => device.write(x, Int32Array.of(1), -1)).toThrow('write: 1 elements from -1 on do not fit');
    expect(() => new CpuDevice().write(x, Int32Array.of(1))).toThrow('is not on this device');
    const host = tensor([1, 2]);
    expect(() => device.write(host, Float32Array.of(3))).toThrow(
      'write: the tensor of shape [2] is a constant of the host. Allocate one on the device.',
    );
  });
});

describe('kernels', () => {
  const runs: string[] = [];
  const kernel: CpuKernel<Record<never, never>> = {
    backend: 'cpu',
    name: 'loop',
    when: ({ inputs: [x] }) => x!.shape[0]! > 1,
    run({ inputs: [x], outputs: [y] }) {
      runs.push('kernel');
      for (let i = 0; i < x!.shape[0]!; i++) y!.data[i] = x!.data[x!.offset + i]! * 3;
    },
  };
  const tripleOp: Op<Record<never, never>> = {
    id: 'test:triple',
    infer: ([x]) => [{ shape: x!.shape, dtype: 'f32' }],
    definition([x]) {
      runs.push('definition');
      const numbers = cast(x!, 'f32');
      return [add(numbers, mul(numbers, 2))];
    },
    kernels: [kernel],
  };

  test('run where they can, and never on a device of definitions', async () => {
    const tripled = async (device: CpuDevice, numbers: number[]): Promise<[number[], string[]]> => {
      runs.length = 0;
      return [await values(apply1(tripleOp, [tensor(numbers)], {}), device), [...runs]];
    };
    expect(await tripled(new CpuDevice({ poison: true }), [1, 2])).toEqual([[3, 6], ['kernel']]);
    expect(await tripled(new CpuDevice({ poison: true }), [5])).toEqual([[15], ['definition']]);
    expect(await tripled(new CpuDevice({ definitionsOnly: true }), [1, 2])).toEqual([[3, 6], ['definition']]);
  });

  test('are left aside where an input is kept in 16 bits, unless they read those', async () => {
    const device = new CpuDevice();
    const half = (op: Op<Record<never, never>>): Promise<number[]> =>
      values(apply1(op, [cast(tensor([1, 2]), 'bf16')], {}), device);
    runs.length = 0;
    expect(await half(tripleOp)).toEqual([3, 6]);
    expect(runs).toEqual(['definition']);
    runs.length = 0;
    await half({ ...tripleOp, id: 'test:triple of words', kernels: [{ ...kernel, packed: [0] }] });
    expect(runs).toEqual(['kernel']);
  });

  test('read strided inputs as contiguous ones', async () => {
    const x = slice(transpose(tensor([[1, 2], [3, 4], [5, 6]])), 0, 1); // prettier-ignore
    expect(await values(apply1(tripleOp, [slice(concat([x, x], 1), 1, 1, 4)], {}))).toEqual([12, 18, 6]);
  });
});

describe('errors', () => {
  test('a program names the input that does not fit', () => {
    const program = new CpuDevice().prepare(trace((a, b) => [add(a!, b!)], [f32(2), f32(2)]));
    expect(() => program.run([tensor([1, 2])])).toThrow('program: takes 2 inputs, got 1.');
    expect(() => program.run([tensor([1, 2]), tensor([1, 2], { dtype: 'i32' })])).toThrow(
      'program: input 1 is i32[2], expected f32[2].',
    );
  });

  test('tensors of another device, recorded ones and disposed ones are refused', () => {
    const device = new CpuDevice();
    const program = device.prepare(trace((a) => [add(a!, 1)], [f32(2)]));
    expect(() => program.run([new CpuDevice().upload(new Float32Array(2), f32(2))])).toThrow(
      'A tensor of shape [2] is not on this device. Evaluate it here first.',
    );
    expect(() => program.run([add(tensor([1, 2]), 1)])).toThrow('is not on this device');
    const x = tensor([1, 2]);
    x.dispose();
    expect(() => program.run([x])).toThrow('A tensor of shape [2] was disposed before its last use.');
  });

  test('a constant that was disposed after compiling is an error, not other numbers', () => {
    const device = new CpuDevice({ poison: true });
    const weights = owned(device, 1, 2);
    const program = device.prepare(trace((a) => [mul(a!, weights)], [f32(2)]));
    program.run([tensor([1, 1])])[0]!.dispose();
    weights.dispose();
    expect(() => program.run([tensor([1, 1])])).toThrow('A tensor of shape [2] was disposed before its last use.');
  });
});
