import type { TensorRule } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { fromHost, read, tensor, zeros } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import type { OptimizerOptions } from './optimizer-options.ts';
import { optimizerSettings } from './optimizer-options.ts';
import { optimizerOver } from './parameter-groups.ts';
import type { Slots } from './update-rule.ts';

const [rows, columns] = [3, 4];
const grid = (rule: (i: number, j: number) => number): number[][] =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (__, j) => rule(i, j)));
const matrix = grid((i, j) => ((i * 7 + j * 3) % 11) / 10 - 0.5);
const matrixGradient = (step: number): number[][] => grid((i, j) => ((i * 5 + j * 2 + step * 3) % 13) / 6 - 1);
const vectorGradient = (step: number): number[] => [0, 1, 2].map((i) => ((i * 4 + step) % 7) / 3 - 1);

/** Three steps over `parts`, each with a gradient for each step. */
async function threeSteps(
  options: OptimizerOptions,
  parts: Readonly<Record<string, { readonly start: Tensor; readonly gradients: readonly Tensor[] }>>,
  rules?: readonly TensorRule[],
): Promise<Record<string, number[]>> {
  const shapes = Object.fromEntries(Object.entries(parts).map(([path, { start }]) => [path, start.shape]));
  const { updates, groups } = optimizerOver(optimizerSettings(options), { shapes, rules });
  const params: Record<string, Tensor> = {};
  for (const { rule, paths, update, decays } of groups) {
    const pick = <T>(of: (path: string) => T): Record<string, T> =>
      Object.fromEntries(paths.map((path) => [path, of(path)]));
    const { slots: names, numbers, update: apply } = updates[update]!;
    let now = pick((path) => parts[path]!.start);
    let slots: Readonly<Record<string, Slots>> = pick((path) =>
      Object.fromEntries(names.map((name) => [name, zeros(shapes[path]!)])),
    );
    for (let step = 0; step < 3; step++) {
      const made = apply({
        rule,
        params: now,
        gradients: pick((path) => parts[path]!.gradients[step]!),
        slots,
        numbers: numbers(step, 1).map((number) => tensor(number)),
        decays,
      });
      now = { ...made.params };
      ({ slots } = made);
    }
    Object.assign(params, now);
  }
  const read1 = async ([path, param]: [string, Tensor]): Promise<[string, number[]]> => [
    path,
    [...(await read(param))],
  ];
  return Object.fromEntries(await Promise.all(Object.entries(params).map(read1)));
}

const steps = [0, 1, 2];
const both = {
  w: { start: tensor(matrix), gradients: steps.map((step) => tensor(matrixGradient(step))) },
  b: { start: tensor([0.1, -0.2, 0.3]), gradients: steps.map((step) => tensor(vectorGradient(step))) },
};

// Made by torch.optim with weight decay on the matrix only.
const cases: readonly [string, OptimizerOptions, Record<string, number[]>, number][] = [
  [
    'AdamW',
    { kind: 'adamw', learningRate: 0.01 },
    {
      w: [
        -0.4717833, -0.1780005, 0.1078531, 0.3833355, 0.1989008, 0.4811558, -0.3217767, -0.0073016, -0.2026822,
        0.0880373, 0.4236192, -0.3829,
      ],
      b: [0.128818, -0.229025, 0.3267476],
    },
    2e-7,
  ],
  [
    'SGD with Nesterov momentum',
    { kind: 'sgd', learningRate: 0.01, nesterov: true, weightDecay: 0.1 },
    {
      w: [
        -0.4481634, -0.1773576, 0.0934482, 0.364254, 0.1792529, 0.4912254, -0.3291303, 0.000314, -0.1846871, 0.0861187,
        0.4312132, -0.3891425,
      ],
      b: [0.15879, -0.24853, 0.33196],
    },
    2e-7,
  ],
  [
    'SGD with dampening',
    { kind: 'sgd', learningRate: 0.01, dampening: 0.4, weightDecay: 0.1 },
    {
      w: [
        -0.4650009, -0.1811597, 0.1026816, 0.3865229, 0.1948246, 0.4916658, -0.3196008, -0.0110673, -0.2027656,
        0.0810757, 0.4235842, -0.3876825,
      ],
      b: [0.1367, -0.2226333, 0.3218667],
    },
    2e-7,
  ],
  [
    'Muon with AdamW for vectors',
    { kind: 'muon', learningRate: 0.02 },
    {
      w: [
        -0.4635711, -0.1810493, 0.0866212, 0.3693133, 0.1945781, 0.497238, -0.3202846, -0.0062639, -0.1814189,
        0.0874902, 0.4318331, -0.3830948,
      ],
      b: [0.1086454, -0.2087075, 0.3080243],
    },
    // A rounding to bf16 that falls the other way is 2⁻⁸ of an element of the direction.
    2e-4,
  ],
  [
    'Muon without Nesterov momentum, its steps as large as those of AdamW',
    { kind: 'muon', learningRate: 0.02, nesterov: false, adjustment: 'match-rms-adamw' },
    {
      w: [
        -0.48054, -0.1914897, 0.1006837, 0.3903338, 0.1981339, 0.4951089, -0.3078811, -0.0010446, -0.194127, 0.0938368,
        0.4104991, -0.3917347,
      ],
      b: [0.1086454, -0.2087075, 0.3080243],
    },
    2e-4,
  ],
];

test.each(cases)('%s makes the steps of PyTorch', async (_, options, expected, tolerance) => {
  const made = await threeSteps(options, both);
  for (const [path, values] of Object.entries(expected))
    made[path]!.forEach((value, index) => expect(Math.abs(value - values[index]!)).toBeLessThan(tolerance));
});

test('Muon steps along a tall matrix as PyTorch does, also where it is published turned round', async () => {
  const expected = [
    -0.4583986, 0.1939246, -0.1787296, -0.1783029, 0.4972738, 0.0856476, 0.0846441, -0.3237005, 0.4371283, 0.3649365,
    -0.0072329, -0.3808501,
  ];
  const { w } = both;
  const rule: TensorRule = { kind: 'rename', published: 'tall', ours: 'w', transposed: true };
  const made = await threeSteps({ kind: 'muon', learningRate: 0.02 }, { w }, [rule]);
  expected.forEach((value, index) => {
    const [i, j] = [Math.floor(index / rows), index % rows];
    expect(Math.abs(made['w']![j * columns + i]! - value)).toBeLessThan(2e-4);
  });
});

test('Muon steps along the published matrix, whatever it is split into', async () => {
  const whole = await threeSteps({ kind: 'muon', learningRate: 0.02 }, { w: both.w });
  const part = (values: number[][], from: number, to: number): Tensor => tensor(values.slice(from, to));
  const parts = {
    q: { start: part(matrix, 0, 1), gradients: steps.map((step) => part(matrixGradient(step), 0, 1)) },
    k: { start: part(matrix, 1, 3), gradients: steps.map((step) => part(matrixGradient(step), 1, 3)) },
  };
  const rule: TensorRule = { kind: 'split', published: 'qk', ours: ['q', 'k'], sizes: [1, 2] };
  const made = await threeSteps({ kind: 'muon', learningRate: 0.02 }, parts, [rule]);
  expect([...made['q']!, ...made['k']!]).toEqual(whole['w']);
});

test('updates are chosen by published names and shapes', () => {
  const shapes = {
    'embedding.weight': [8, 4],
    'head.weight': [8, 4],
    'layers.0.mixer.q': [4, 4],
    'layers.0.mixer.kernel': [4, 3],
    'finalNorm.weight': [4],
  };
  const rules: TensorRule[] = [
    { kind: 'rename', published: 'wte', ours: 'embedding.weight' },
    { kind: 'rename', published: 'lm_head.weight', ours: 'head.weight' },
    { kind: 'rename', published: 'q_proj', ours: 'layers.0.mixer.q' },
    { kind: 'rename', published: 'conv1d', ours: 'layers.0.mixer.kernel', squeezed: 1 },
    { kind: 'rename', published: 'norm', ours: 'finalNorm.weight' },
    { kind: 'copy', published: 'tied', ours: 'embedding.weight', untied: 'head.weight' },
  ];
  const chosen = (options: OptimizerOptions): Record<string, [string, boolean]> => {
    const { updates, groups } = optimizerOver(optimizerSettings(options), { shapes, rules });
    return Object.fromEntries(
      groups.map(({ paths, update, decays }) => [paths.join(), [updates[update]!.kind, decays]]),
    );
  };
  expect(chosen({ kind: 'muon', learningRate: 1 })).toEqual({
    'embedding.weight': ['adamw', true],
    'head.weight': ['adamw', true],
    'layers.0.mixer.q': ['muon', true],
    'layers.0.mixer.kernel': ['adamw', true],
    'finalNorm.weight': ['adamw', false],
  });
  expect(chosen({ kind: 'muon', learningRate: 1, exclude: ['lm_head'] })['embedding.weight']).toEqual(['muon', true]);
  expect(chosen({ kind: 'adamw', learningRate: 1, decayed: 'all' })['finalNorm.weight']).toEqual(['adamw', true]);
});

test('what is kept together and published apart is updated in one way, or refused', () => {
  const shapes = { qkv: [6, 4] };
  const rules: TensorRule[] = [
    { kind: 'regroup', published: ['q', 'embed_k'], rows: [2, 4], ours: ['qkv'], sizes: [6] },
  ];
  const settings = optimizerSettings({ kind: 'muon', learningRate: 1, exclude: ['embed'] });
  expect(() => optimizerOver(settings, { shapes, rules })).toThrow(
    'optimizer: q and embed_k would be updated in different ways, and the model keeps them together as qkv. Exclude both or neither.',
  );
});

test.each([
  [{ kind: 'lion', learningRate: 1 }, 'optimizer.kind is "lion", expected "adamw" or "sgd" or "muon".'],
  [{ kind: 'adamw' }, 'optimizer.learningRate is undefined, expected a number at least 0.'],
  [{ kind: 'adamw', learningRate: 1, beta1: 0.9 }, "optimizer: 'beta1' is not known, expected kind, learningRate"],
  [
    { kind: 'adamw', learningRate: 1, betas: [0.9, 1] },
    'optimizer.betas.1 is 1, expected a number at least 0 and below 1.',
  ],
  [
    { kind: 'sgd', learningRate: 1, nesterov: true, dampening: 0.1 },
    'optimizer.dampening with nesterov is 0.1, expected 0.',
  ],
  [
    { kind: 'muon', learningRate: 1, newtonSchulz: { steps: 0 } },
    'optimizer.newtonSchulz.steps is 0, expected a whole number at least 1 and below 100.',
  ],
  [{ kind: 'muon', learningRate: 1, adamw: { learningRate: -1 } }, 'optimizer.adamw.learningRate is -1'],
])('%o is refused', (options, message) => {
  expect(() => optimizerSettings(options as unknown as OptimizerOptions)).toThrow(message);
});

test('a gradient of zeros leaves a matrix where Muon has nothing to step along', async () => {
  const start = fromHost(Float32Array.of(1, 2, 3, 4), [2, 2]);
  const gradients = steps.map(() => zeros([2, 2]));
  const made = await threeSteps({ kind: 'muon', learningRate: 0.02, weightDecay: 0 }, { w: { start, gradients } });
  expect(made['w']).toEqual([1, 2, 3, 4]);
});
