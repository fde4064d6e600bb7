import { CpuDevice, read, tensor } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { activationPoints, activationValues } from './activation.reference.ts';
import { activationNames, activations, logSigmoid } from './activation.ts';
import { softplus } from './softplus.ts';

const functions = { ...activations, softplus, logSigmoid };
const wide = new CpuDevice({ precision: 'f64' });

describe('activations agree with values of 40 digits', () => {
  test.each(Object.keys(activationValues) as (keyof typeof activationValues)[])('%s', async (name) => {
    const exact = await read(functions[name](tensor([...activationPoints])), wide);
    const single = await read(functions[name](tensor([...activationPoints])));
    const far = activationValues[name].flatMap((value, i) => {
      // 1 + erf and log(1 + e^−x) lose what is far below 1; that is absolute, not relative, error.
      const fits =
        Math.abs(exact[i]! - value) <= 1e-15 * (1 + Math.abs(value)) &&
        Math.abs(single[i]! - value) <= 3e-7 * (1 + Math.abs(value));
      return fits ? [] : [`at ${activationPoints[i]}: ${exact[i]}, ${single[i]}, expected ${value}`];
    });
    expect(far).toEqual([]);
  });

  test('softplus is good to single precision where it is close to 0, by kernel and by definition', async () => {
    const x = [-80, -40, -20, -17, -12, -7, -1];
    for (const device of [new CpuDevice(), new CpuDevice({ definitionsOnly: true })]) {
      const made = await read(softplus(tensor(x)), device);
      expect(x.filter((value, i) => Math.abs(made[i]! / Math.log1p(Math.exp(value)) - 1) > 3e-7)).toEqual([]);
    }
  });

  test('there is a value for every name', () => {
    expect(activationNames.every((name) => activationValues[name].length === activationPoints.length)).toBe(true);
  });
});
