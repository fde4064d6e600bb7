import { softwareGpu } from '@tessera/software-gpu';
import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import type { Op } from '@tessera/tensor-core';
import { add, apply1 } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { openDevice } from './bench/adapter.ts';
import { sectionNames } from './bench/bench.ts';
import { mapCases } from './bench/cases/maps.ts';
import { linearCase } from './bench/cases/products.ts';
import { hasExactTimestamps } from './bench/host.ts';
import type { KernelCase } from './bench/kernel-case.ts';
import { logitsError } from './bench/model/check-logits.ts';
import { graphOf, shapeOf } from './bench/model/shape.ts';
import { uploadWeights } from './bench/model/weights.ts';
import { runCase } from './bench/run-case.ts';
import { runCommand } from './command.ts';
import { readOptions } from './options.ts';

const [right] = mapCases('dry') as [KernelCase];
/** Nearly the right expression. */
const wrong: KernelCase = { ...right, build: ([a, b]) => add(a!, add(b!, 0.01)) };

async function run(
  args: readonly string[],
  more?: Parameters<typeof runCommand>[2],
): Promise<{ status: number; text: string }> {
  let text = '';
  const status = await runCommand(readOptions(args), { print: (more) => (text += more), progress: () => {} }, more);
  return { status, text };
}

const [models, families] = [
  ['model', 'training', 'host'],
  ['latent', 'linear'],
];
/** Sections with tests of their own. */
const tested = [...models, ...families, 'speculation', 'streaming'];

test.each([
  // The second is the model, and the error of its logits.
  [models, 2, ['Models', String.raw`\| f16 \| checked, no figures .* \de-\d \|$`, 'Training', 'Roofs']],
  [families, 16, ['tied heads and latents', 'Linear attention']],
  [
    sectionNames.filter((section) => !tested.includes(section)),
    18,
    ['Products', 'One row', 'prompts', 'over a cache', 'Norms', 'Elementwise', 'gated delta rule'],
  ],
])('a dry run of %s finds everything right, and gives no figures', async (sections, rows, titles) => {
  const { status, text } = await run(['--dry', `--only=${sections.join()}`]);
  expect(text).not.toMatch(/wrong|failed|not reached/);
  expect(status).toBe(0);
  for (const title of titles) expect(text).toMatch(new RegExp(`^(##+ .*|)${title}`, 'm'));
  expect(text).not.toMatch(/\d (µs|ms|GB|TFLOP|%)/);
  expect(text.match(/checked, no figures/g)!.length).toBeGreaterThan(rows);
});

test('a wrong kernel has no figure, and the command fails', async () => {
  const { status, text } = await run(['--dry', '--only=maps'], { cases: () => [right, wrong] });
  expect(status).toBe(1);
  expect(text).toMatch(/\*\*No figure: maps a \+ b, 24 elements f32: wrong: differs by 1\.\de-3/);
  expect(text.match(/^\| a \+ b.*checked/gm)).toHaveLength(1);
  expect(text.match(/^\| a \+ b.*wrong: differs/gm)).toHaveLength(1);
});

test('a row that cannot be run says why, and the others go on', async () => {
  const broken: KernelCase = {
    ...right,
    build: () => {
      throw new Error('there is no such kernel');
    },
  };
  const { status, text } = await run(['--dry', '--only=maps'], { cases: () => [broken, right] });
  expect(status).toBe(1);
  expect(text).toMatch(/failed: there is no such kernel/);
  expect(text.match(/^\| a \+ b.*checked/gm)).toHaveLength(1);
});

test('once it is interrupted nothing new begins, and what was measured is told', async () => {
  const interrupt = new AbortController();
  const last: KernelCase = {
    ...right,
    build: (inputs) => {
      interrupt.abort();
      return right.build(inputs);
    },
  };
  const { text } = await run(['--dry', '--only=maps'], { cases: () => [right, last, right], signal: interrupt.signal });
  expect(text.match(/^\| a \+ b.*checked/gm)).toHaveLength(2);
  expect(text.match(/^\| a \+ b.*not reached/gm)).toHaveLength(1);
});

test('what a kernel leaves out of its result is found, whatever earlier runs left there', async () => {
  const half: Op = {
    id: '@tessera/lab:half',
    infer: ([x]) => [x!],
    kernels: [
      {
        backend: 'webgpu',
        name: 'of the result',
        source: () => `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u) { y[group.x] = x[group.x]; }`,
        grid: () => [12, 1, 1],
      },
    ],
  };
  const { device: own, features } = await device();
  const partial: KernelCase = {
    ...right,
    inputs: [{ shape: [24], dtype: 'f32' }],
    build: ([x]) => apply1(half, [x!], {}),
    check: ([x]) => Array.from({ length: 24 }, (_, index) => ({ index, value: index < 12 ? x![index]! : 0 })),
    tolerance: 2,
  };
  const row = await runCase(partial, { device: own, features, scale: 'dry', timestamps: false });
  expect([row.outcome, row.error]).toEqual(['wrong', Infinity]);
  own.dispose();
});

test('a state goes from run to run, and what is checked begins anew', async () => {
  const { device: own, features } = await device();
  const counting: KernelCase = {
    ...right,
    inputs: [
      { shape: [4], dtype: 'f32', scale: 0.5 },
      { shape: [4], dtype: 'f32', values: Float32Array.of(1, 2, 3, 4) },
    ],
    carried: [{ input: 1, output: 0 }],
    checkedRuns: 3,
    batch: 5,
    build: ([x, state]) => {
      const next = add(state!, x!);
      return [next, add(next, 1)];
    },
    check: ([x, state]) => Array.from(state!, (value, index) => ({ index, value: value + 3 * x![index]! + 1 })),
    tolerance: 1e-6,
  };
  const row = await runCase(counting, { device: own, features, scale: 'full', timestamps: true });
  expect(row.outcome).toBe('measured');
  expect(
    await runCase({ ...counting, checkedRuns: 2 }, { device: own, features, scale: 'dry', timestamps: true }),
  ).toMatchObject({ outcome: 'wrong' });
  expect(own.allocatedBytes).toBe(0);
  own.dispose();
});

async function device(): Promise<{ device: WebGpuDevice; features: ReadonlySet<string> }> {
  return openDevice(await softwareGpu(), { dry: true });
}

test('outside of a dry run a right row has figures by all clocks, and a wrong one none', async () => {
  const context = { ...(await device()), scale: 'full', timestamps: true, roofs: { copy: 10, f32: 1 } } as const;
  const row = await runCase(right, context);
  expect(row.outcome).toBe('measured');
  const { gpu, wall, host, clock, bound, ofRoof } = row.figures!;
  expect([gpu!.n, wall.n, host.n]).toEqual([12, 12, 12]);
  expect(clock).toBe('GPU');
  expect(bound).toEqual({ microseconds: (24 * 12) / 10_000, by: 'memory' });
  expect(ofRoof).toBe(bound!.microseconds / gpu!.median);
  const { outcome, figures, error } = await runCase(wrong, context);
  expect(outcome).toBe('wrong');
  expect(error).toBeGreaterThan(1e-3);
  expect(figures).toBeUndefined();
  context.device.dispose();
});

test('rows times weights are one dispatch each, none side by side, and runs find their bind groups again', async () => {
  const context = { ...(await device()), scale: 'full', timestamps: true } as const;
  const row = await runCase(linearCase('gemv', { M: 1, K: 32, N: 24 }, 'f16', 5), context);
  expect(row.outcome).toBe('measured');
  expect(row.figures!.dispatches).toBe(1);
  expect(context.device.counters.bindGroups).toBeLessThan(5 * 16);
  context.device.dispose();
});

test('without exact timestamps rates are those of the wall clock', async () => {
  const { device: own, features } = await device();
  expect(await hasExactTimestamps(own, features)).toBe(false); // Dawn rounds them here
  expect(await hasExactTimestamps(own, new Set())).toBe(false);
  const row = await runCase(right, { device: own, features, scale: 'quick', timestamps: false });
  expect(row.figures!.gpu).toBeUndefined();
  expect(row.figures!.clock).toBe('wall');
  expect(row.figures!.microseconds).toBe(row.figures!.wall.median);
  own.dispose();
});

test('a software adapter is refused outside of a dry run', async () => {
  await expect(openDevice(await softwareGpu(), { dry: false })).rejects.toThrow(
    /SwiftShader.* is a software adapter, whose times say nothing/,
  );
});

test('a model whose weights are not what they should be is found out', async () => {
  const { device: own } = await device();
  const shape = shapeOf('dry');
  const graph = graphOf(shape);
  const params = { ...uploadWeights(graph, 'f32', own) };
  const rooms = { decoding: { capacity: 128, chunk: 64 }, prompt: { capacity: 80, chunk: 64 } };
  expect(await logitsError({ graph, params, device: own }, shape, 'f32', rooms)).toBeLessThan(1e-4);
  const path = 'layers.0.mixer.v_proj';
  params[path] = params['layers.0.mixer.k_proj']!;
  expect(await logitsError({ graph, params, device: own }, shape, 'f32', rooms)).toBeGreaterThan(0.01);
  own.dispose();
});
