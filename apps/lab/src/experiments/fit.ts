import type { Device, Tensor, TensorType } from '@tessera/tensor-core';
import { add, at, div, foldKey, fromHost, gradOf, mul, sqrt, square, sub, trace } from '@tessera/tensor-core';
import { drawOf } from './random-draw.ts';
import { turn } from './study.ts';

/** Tensors by name, on the host. */
export type HostParams = Readonly<Record<string, { readonly shape: readonly number[]; readonly values: Float32Array }>>;

/** What a {@link fit} is made of. */
export interface FitCall {
  readonly device: Device;
  readonly first: HostParams;
  /** Of parameters and a batch, a scalar. */
  loss(params: Readonly<Record<string, Tensor>>, batch: Tensor): Tensor;
  /** Of each step, all of one type. */
  batch(step: number): { readonly values: Float32Array; readonly shape: readonly number[] };
  readonly steps: number;
  /** Of each step. */
  learningRate(step: number): number;
  readonly signal: AbortSignal;
  progress(step: number, loss: number): void;
}

const [beta1, beta2, eps] = [0.9, 0.99, 1e-8];

/** Adam on a loss of any tensors, for what is no language model; gives the fitted parameters. */
export async function fit(call: FitCall): Promise<HostParams> {
  const { device, first, steps, signal } = call;
  const names = Object.keys(first);
  const types = names.map((name): TensorType => ({ shape: first[name]!.shape, dtype: 'f32' }));
  const { shape } = call.batch(0);
  const count = names.length;
  const program = await device.compile(
    trace(
      (batch, numbers, ...state) => {
        const [params, means, squares] = [0, 1, 2].map((part) => state.slice(part * count, (part + 1) * count)) as [
          Tensor[],
          Tensor[],
          Tensor[],
        ];
        const loss = call.loss(Object.fromEntries(names.map((name, i) => [name, params[i]!])), batch!);
        const gradients = gradOf(loss, params);
        const [rate, correction] = [at(numbers!, 0, 0), at(numbers!, 0, 1)];
        const m = means.map((mean, i) => add(mul(mean, beta1), mul(gradients[i]!, 1 - beta1)));
        const v = squares.map((each, i) => add(mul(each, beta2), mul(square(gradients[i]!), 1 - beta2)));
        const moved = params.map((param, i) =>
          sub(param, mul(div(m[i]!, add(div(sqrt(v[i]!), correction), eps)), rate)),
        );
        return [loss, ...moved, ...m, ...v];
      },
      [{ shape, dtype: 'f32' }, { shape: [2], dtype: 'f32' }, ...types, ...types, ...types],
    ),
    { donate: Array.from({ length: 3 * count }, (_, i) => 2 + i) },
  );
  const upload = (values: Float32Array, i: number): Tensor => device.upload(values, types[i]!);
  let state: readonly Tensor[] = [
    ...names.map((name, i) => upload(first[name]!.values.slice(), i)),
    ...[0, 1].flatMap(() => names.map((name, i) => upload(new Float32Array(first[name]!.values.length), i))),
  ];
  try {
    for (let step = 0; step < steps; step++) {
      await turn({ device, signal });
      const batch = call.batch(step);
      const numbers = Float32Array.of(
        call.learningRate(step) / (1 - beta1 ** (step + 1)),
        Math.sqrt(1 - beta2 ** (step + 1)),
      );
      const [loss, ...next] = program.run([fromHost(batch.values, batch.shape), fromHost(numbers, [2]), ...state]);
      state = next;
      const [value] = await device.read(loss!);
      loss!.dispose();
      call.progress(step + 1, value!);
    }
    const fitted = await Promise.all(state.slice(0, count).map((tensor) => device.read(tensor)));
    return Object.fromEntries(
      names.map((name, i) => [name, { shape: first[name]!.shape, values: Float32Array.from(fitted[i]!) }]),
    );
  } finally {
    for (const tensor of state) tensor.dispose();
    program.dispose();
  }
}

/** Numbers of a normal distribution. */
export function normalNumbers(count: number, deviation: number, key: readonly [number, number]): Float32Array {
  const { unit } = drawOf(foldKey([...key], 0x401));
  return Float32Array.from(
    { length: count },
    () => deviation * Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit()),
  );
}
