import { softwareGpu } from '@tessera/software-gpu';
import type { KernelCall, Op, Tensor, TensorType, WebGpuKernel } from '@tessera/tensor-core';
import { ShapeError, add, apply1, fromHost, mul, sizeOf, trace } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { WebGpuDevice } from './runtime/webgpu-device.ts';
import { requestWebGpu } from './runtime/request-device.ts';
import { draws, expectSame, testDevice } from './testing/compare.test-support.ts';

// What a package would bring: an op, its meaning, and kernels as plain data. Nothing of the executor is imported for it.

interface BlendAttributes {
  readonly share: number;
}

const bindings = `@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;`;
const sizeOfCall = ({ outputs }: KernelCall<BlendAttributes>): number => sizeOf(outputs[0]!.shape);
const entry = (call: KernelCall<BlendAttributes>, statement: string): string => `@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) { let i = id.x; if (i < ${sizeOfCall(call)}u) { ${statement} } }`;
const gridOf = (call: KernelCall<BlendAttributes>): [number, number, number] => [
  Math.ceil(sizeOfCall(call) / 64),
  1,
  1,
];

const bySubgroups: WebGpuKernel<BlendAttributes> = {
  backend: 'webgpu',
  name: 'for devices with subgroups',
  when: ({ features }, call) => features.has('subgroups') && sizeOfCall(call) >= 128,
  grid: gridOf,
  source: (call) => `enable subgroups;
${bindings}
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
${entry(call, `y[i] = mix(a[i], b[i], ${call.attributes.share}f);`)}`,
};

const inTwoPasses: WebGpuKernel<BlendAttributes> = {
  backend: 'webgpu',
  name: 'in two passes',
  when: (_, call) => sizeOfCall(call) >= 64,
  passes: (call) => ({
    temporaries: [call.outputs[0]!],
    passes: [
      {
        source: `@group(0) @binding(0) var<storage, read> b: array<f32>;
@group(0) @binding(1) var<storage, read_write> part: array<f32>;
${entry(call, `part[i] = b[i] * ${call.attributes.share}f;`)}`,
        grid: gridOf(call),
        bindings: [
          { of: 'input', index: 1 },
          { of: 'temporary', index: 0, write: true },
        ],
      },
      {
        source: `@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> part: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
${entry(call, `y[i] = part[i] + a[i] * (1 - ${call.attributes.share}f);`)}`,
        grid: gridOf(call),
        bindings: [
          { of: 'input', index: 0 },
          { of: 'temporary', index: 0 },
          { of: 'output', index: 0, write: true },
        ],
      },
    ],
  }),
};

function blendOp(kernels: readonly WebGpuKernel<BlendAttributes>[]): Op<BlendAttributes> {
  return {
    id: 'example-package:blend',
    infer([a, b]) {
      if (a!.shape.join() !== b!.shape.join()) throw new ShapeError('blend: shapes differ.');
      return [{ shape: a!.shape, dtype: 'f32' }];
    },
    definition: ([a, b], { share }) => [add(mul(a!, 1 - share), mul(b!, share))],
    kernels,
  };
}

const blend = blendOp([bySubgroups, inTwoPasses]);
const vector = (n: number): TensorType => ({ shape: [n], dtype: 'f32' });

/** Labels of the dispatches of a blend of n elements. */
async function labelsOn(device: WebGpuDevice, n: number): Promise<string> {
  const program = await device.compile(
    trace((a, b) => [apply1(blend, [a!, b!], { share: 0.25 })], [vector(n), vector(n)]),
  );
  const { outputs, rows } = await program.profile([draws([n]), draws([n], 2)]);
  for (const output of outputs) output.dispose();
  program.dispose();
  return rows.map(({ label }) => label).join(' | ');
}

test.each([300, 100, 5])('a kernel of a package is its definition, of %i elements, among other ops', (n) =>
  expectSame(
    (a, b) => [
      apply1(blend, [mul(a!, 2), add(b!, 1)], { share: 0.25 }),
      add(apply1(blend, [a!, b!], { share: 0.5 }), 1),
    ],
    [draws([n]), draws([n], 2)],
  ),
);

test('the first kernel whose condition holds is taken, else the definition', async () => {
  const device = await testDevice();
  expect(await labelsOn(device, 300)).toBe('example-package:blend (for devices with subgroups)');
  expect(await labelsOn(device, 100)).toMatch(
    /^example-package:blend \(in two passes\).* \| example-package:blend \(in two passes\)/,
  );
  expect(await labelsOn(device, 5)).not.toContain('example-package');
  const plain = (await requestWebGpu({ gpu: await softwareGpu(), without: ['subgroups'] }))!;
  expect(await labelsOn(plain, 300)).toMatch(/^example-package:blend \(in two passes\)/);
  plain.dispose();
  const adapter = (await (await softwareGpu()).requestAdapter())!;
  const gpuDevice = await adapter.requestDevice({ requiredFeatures: ['timestamp-query'] });
  const definitions = new WebGpuDevice(gpuDevice, { definitionsOnly: true, owned: true });
  expect(await labelsOn(definitions, 300)).not.toContain('example-package');
  definitions.dispose();
});

const storageOf = ({ source }: Tensor): unknown => (source.kind === 'resident' ? source.storage : undefined);

test('a kernel in place writes over an input that nobody else needs, and else over a copy', async () => {
  const inPlace = blendOp([
    {
      backend: 'webgpu',
      name: 'in place',
      grid: gridOf,
      source: (call) => `@group(0) @binding(0) var<storage, read> b: array<f32>;
@group(0) @binding(1) var<storage, read_write> a: array<f32>;
${entry(call, `a[i] = mix(a[i], b[i], ${call.attributes.share}f);`)}`,
      inPlace: { 0: 0 },
    },
  ]);
  const build = (a: Tensor, b: Tensor): Tensor => apply1(inPlace, [a, b], { share: 0.25 });
  await expectSame(
    (a, b) => [build(a!, b!), build(mul(a!, 2), b!), build(a!, a!), a!],
    [draws([100]), draws([100], 2)],
  );
  const device = await testDevice();
  const graph = trace((a, b) => [build(a!, b!)], [vector(100), vector(100)]);
  const [zeros, fours] = [0, 4].map((value) => fromHost(new Float32Array(100).fill(value), [100])) as [Tensor, Tensor];

  const kept = device.upload(new Float32Array(100), vector(100));
  const copying = await device.compile(graph);
  const [one] = copying.run([kept, fours]) as [Tensor];
  expect([(await device.read(one))[99], (await device.read(kept))[99]]).toEqual([1, 0]);

  const writing = await device.compile(graph, { donate: [0] });
  expect(writing.dispatches).toBeLessThan(copying.dispatches);
  const storage = storageOf(kept);
  const [again] = writing.run([kept, fours]) as [Tensor];
  expect(kept.source.kind).toBe('disposed');
  expect((await device.read(again))[99]).toBe(1);
  expect(storageOf(again)).toBe(storage);
  for (const tensor of [one, again, zeros]) tensor.dispose();
  for (const program of [copying, writing]) program.dispose();
});

test('a kernel that does not compile is an error that names the op and the kernel, at every attempt', async () => {
  const device = await testDevice();
  const wrong = blendOp([
    {
      ...inTwoPasses,
      name: 'with a slip',
      passes: (call) => ({
        temporaries: [],
        passes: [
          {
            source: `${bindings} ${entry(call, 'y[i] = a[i];')}`,
            grid: [1, 1, 1],
            bindings: [{ of: 'input', index: 0 }],
          },
        ],
      }),
    },
  ]);
  const weight = fromHost(new Float32Array(70_000), [70_000]);
  const graph = trace((a) => [apply1(wrong, [a!, weight], { share: 0.5 })], [vector(70_000)]);
  const { bytes } = device.held;
  for (let i = 0; i < 3; i++)
    await expect(device.compile(graph)).rejects.toMatchObject({
      code: 'SHADER',
      message: expect.stringMatching(/example-package:blend \(with a slip\).*unresolved value 'y'/s),
    });
  // The constant was given back each time.
  expect(device.held.bytes - bytes).toBeLessThanOrEqual(2 ** 19);
});
