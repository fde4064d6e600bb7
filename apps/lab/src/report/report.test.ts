import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { casesOf, failuresOf } from '../bench/bench.ts';
import type { KernelCase } from '../bench/kernel-case.ts';
import { loopComparisons } from '../bench/loop-comparison.ts';
import type { ModelReport } from '../bench/model/bench-model.ts';
import { waterfallOf } from '../bench/model/waterfall.ts';
import { figuresOf, rowWithout } from '../bench/row.ts';
import type { Row } from '../bench/row.ts';
import type { SpeculationReport } from '../bench/speculation/bench-speculation.ts';
import { speculationWithout } from '../bench/speculation/bench-speculation.ts';
import { statisticsOf } from '../bench/statistics.ts';
import type { StreamingReport } from '../bench/streaming/bench-streaming.ts';
import type { TrainingReport } from '../bench/training/bench-training.ts';
import { trainingWithout } from '../bench/training/bench-training.ts';
import { trainingShapeOf } from '../bench/training/training-shape.ts';
import type { TrainingVariant } from '../bench/training/training-variant.ts';
import { trainingVariants } from '../bench/training/training-variant.ts';
import type { Report } from './document.ts';
import { markdownOf } from './document.ts';
import { readPeers } from './peers.ts';
import type { Peers } from './peers.ts';
import { summaryOf } from './summary.ts';
import { waterfallSvg } from './waterfall-svg.ts';
import { writeReport } from './write-report.ts';

const folder = mkdtempSync(join(tmpdir(), 'tessera-bench-'));
afterAll(() => rmSync(folder, { recursive: true }));

const full = casesOf('full');
const square = full.find(({ shape }) => shape === '4096×4096 · 4096×4096') as KernelCase;
const gemv = full.find(({ group }) => group === 'gemv') as KernelCase;
const roofs = { copy: 2650, f32: 50 };
const about = (value: number): ReturnType<typeof statisticsOf> => statisticsOf([value, 0.9 * value, 1.2 * value]);

function measured(one: KernelCase, microseconds: number): Row {
  const clocks = { gpu: about(microseconds), wall: about(microseconds + 10), host: about(6), dispatches: 1 };
  return { ...rowWithout(one, 'dry'), outcome: 'measured', error: 2e-6, figures: figuresOf(clocks, one.work, roofs) };
}

const loop = measured(full.find(({ sequence }) => sequence?.form === 'loop') as KernelCase, 10);
const chunks = measured(full.find(({ sequence }) => sequence?.form === 'chunks') as KernelCase, 4096);
const latent = full.find(({ group }) => group === 'latent') as KernelCase;

const times = { awaited: about(3000), ahead: about(2700), batched: about(2600), host: about(500), submits: 1 };
const waterfall = waterfallOf(
  'Decode step at context 512, f16',
  { microseconds: 800, by: 'memory' },
  [
    { label: 'matmul <many> & "long" '.repeat(4), count: 90, microseconds: 1900 },
    ...Array.from({ length: 14 }, (_, i) => ({ label: `kind ${i}`, count: 2, microseconds: 20 - i })),
  ],
  times,
);
const model: ModelReport = {
  name: 'a Llama',
  dtype: 'f16',
  context: 512,
  prompt: 2048,
  outcome: 'measured',
  error: 1e-5,
  tolerance: 5e-3,
  decodeBytes: 2e9,
  decodeBound: 1200,
  figures: {
    public: {
      decode: about(360),
      prefill: about(5000),
      firstTokenCold: 2000,
      firstTokenWarm: about(60),
      perToken: { dispatches: 260, submits: 1, buffers: 0, pipelines: 0, bindGroups: 0 },
      ids: [1, 2],
      promptId: 3,
    },
    decode: times,
    prefill: times,
    compileCold: 1500,
    uploadSeconds: 2,
    decodeDispatches: 255,
    prefillDispatches: 280,
    waterfalls: [waterfall, { ...waterfall, title: 'Prompt of 2048 tokens, f16' }],
    dispatchCost: { wall: 3, host: 1 },
  },
};
const [trained] = trainingVariants('full') as [TrainingVariant];
const training: TrainingReport = {
  ...trainingWithout(trainingShapeOf('full'), trained, 'dry'),
  outcome: 'measured',
  error: 1e-5,
  losses: [9.2, 8.5],
  figures: {
    step: about(100_000),
    run: 101_000,
    awaited: about(105_000),
    gpu: 95_000,
    host: about(3000),
    dispatches: 700,
    compileMs: 2000,
    heldBytes: 3 * 2 ** 30,
    stateBytes: 4e8,
    waterfall: { ...waterfall, title: 'Training step' },
  },
};
const speculation: SpeculationReport = {
  name: '1.1 B Llama, draft of 60 M',
  outcome: 'measured',
  text: { tokens: 256, different: 180, prompt: 128 },
  plain: about(400),
  rollback: {
    tokens: 5,
    step: { gpu: about(1800), wall: about(1900), host: about(450), dispatches: 210 },
    parts: [{ label: 'matmul 5×2048×5632 (rows)', count: 22, microseconds: 900 }],
    pass: { gpu: about(3000), wall: about(3300), host: about(500), dispatches: 250 },
    committed: { gpu: about(3040), wall: about(3400), host: about(520), dispatches: 294 },
    microseconds: about(40),
    clock: 'GPU',
  },
  rows: [0.3, 0.8].map((acceptance) => ({
    plan: { source: 'model', acceptance, longest: 8, adaptive: true },
    outcome: 'measured',
    ...(acceptance === 0.8 && { turned: { token: 77, gap: 3e-6 } }),
    figures: {
      tokensPerSecond: about(800 * acceptance),
      ratio: about(2 * acceptance),
      rounds: {
        rounds: 100,
        tested: 300,
        acceptance,
        ofDrafted: 0.5,
        tokens: 3.5,
        drafted: 5,
        submits: 1,
        dispatches: 900,
        reads: 1,
      },
    },
  })),
};
const stream: StreamingReport = {
  name: 'story-llama',
  sinks: 4,
  window: 1020,
  outcome: 'measured',
  series: [
    {
      cache: 'sinks',
      points: [512, 100_000].map((position) => ({
        position,
        perToken: about(500),
        heldBytes: 2 ** 20,
        neededBytes: 2 ** 20,
      })),
    },
    {
      cache: 'full',
      points: [{ position: 512, perToken: about(490), heldBytes: 2 ** 27, neededBytes: 2 ** 19 }],
      stopped: 'no time was left before 100000',
    },
  ],
};
const peers: Peers = {
  peer: 'PyTorch 2.11',
  device: 'a GPU',
  dry: false,
  rows: [
    { group: 'matmul', shape: square.shape, dtype: 'f32', variant: 'f32', microseconds: 2660 },
    { group: 'matmul', shape: square.shape, dtype: 'f32', variant: 'TF32, tensor cores', microseconds: 400 },
    { group: 'matmul', shape: square.shape, dtype: 'bf16', variant: 'bf16, tensor cores', microseconds: 177 },
  ],
  models: [{ dtype: 'bf16', decodeAwaited: 22, decodeBatched: 25, prefill: 139_000 }],
  training: [
    { variant: 'f32', optimizer: 'AdamW', step: 49_200, wall: 50_000, heldBytes: 2 ** 32, losses: [9.1, 8.2] },
  ],
  failures: ['attention: no kernel'],
};
const report: Report = {
  format: 'tessera-bench/1',
  dry: false,
  environment: {
    device: 'a GPU',
    adapter: {},
    features: ['timestamp-query'],
    limits: { maxBufferSize: 2 ** 31 },
    mode: 'page',
    toggles: { on: [], off: ['timestamp_quantization'] },
    node: 'v20',
    webgpu: '0.6.2',
    platform: 'linux x64',
    commit: 'abc',
    date: '2026-01-01',
    gpuBefore: 'NVIDIA H100 80GB HBM3, 1980 MHz, 40 °C',
    gpuAfter: undefined,
  },
  seconds: 300,
  peers,
  roofs,
  timestamps: true,
  rows: [
    measured(square, 4400),
    { ...rowWithout(square, 'wrong', 'differs by 2.0e-2'), error: 0.02 },
    measured(gemv, 10),
    measured(latent, 16),
    rowWithout(latent, 'not reached'),
    loop,
    chunks,
    rowWithout(gemv, 'not reached'),
    rowWithout(gemv, 'unavailable', 'the device has no shader-f16'),
  ],
  loops: loopComparisons([loop, chunks]),
  models: [model, { ...model, dtype: 'f32', outcome: 'failed', reason: 'out of memory', figures: undefined } as never],
  trainings: [training, trainingWithout(training.shape, { ...trained, name: 'Muon' }, 'failed', 'out of memory')],
  speculations: [
    speculation,
    speculationWithout({ name: 'story-llama', plans: speculation.rows.map(({ plan }) => plan) }, 'failed', 'no memory'),
  ],
  streams: [stream],
  host: {
    encodePerDispatch: 0.8,
    encodePerRun: 9,
    wallPerDispatch: 4,
    emptyDispatch: undefined,
    submit: about(12),
    idleReadback: about(42),
  },
};
const text = markdownOf(report);

test('a row shows every clock, its rates, what bounds it, and the peer beside it, also where the peer wins', () => {
  const [line] = text.split('\n').filter((each) => each.startsWith('| 4096×4096 · 4096×4096, f32 | 4.40 ms'));
  expect(line).toBe(
    '| 4096×4096 · 4096×4096, f32 | 4.40 ms [4.18–4.84] | 4.41 ms [4.19–4.85] | 6.00 µs | 1.00 | GPU | 45.8 | 31.2 | arithmetic | 62.5 % | 2e-6 | 2.66 ms (0.605×) | 400 µs (0.091×) |',
  );
  expect(text).toContain('PyTorch 2.11: f32 | PyTorch 2.11: TF32, tensor cores |');
});

test('what is wrong, failed or was not reached has a reason and no figure', () => {
  expect(text).toMatch(/^\| 4096×4096 · 4096×4096, f32 \| wrong: differs by 2.0e-2 \|( — \|){8} 2e-2 \|/m);
  expect(text).toMatch(/^\| f32 \| failed: out of memory \|( — \|)+/m);
  expect(summaryOf(report)).toContain('**2 rows were not reached in time.**');
  expect(failuresOf(report)).toEqual([
    'matmul 4096×4096 · 4096×4096 f32: wrong: differs by 2.0e-2',
    'a Llama f32: failed: out of memory',
    'training Muon: failed: out of memory',
    'story-llama: failed: no memory',
  ]);
});

test('the summary names the headline and the worst row of a group', () => {
  const summary = summaryOf(report);
  expect(summary).toContain('f16: 360 tokens/s at context 512 by the public API (30.0 % of the copy roof)');
  expect(summary).toMatch(/matmul: 1 rows from 62.5 % of the roof/);
});

test('a decode step shows what it must read and its rate against the copy, whatever bounds it', () => {
  expect(text).toContain('| row | must read | GPU | wall | host | dispatches |');
  // 2048 positions of 8 KiB, a query of 32 heads of 128 and its result: 16.8 MB in 16 µs.
  expect(text).toMatch(
    /^\| GQA, 1 × 2048, 32\/8 heads of 128, f32 \| 16.0 MiB \| 16.0 µs .* \| 1051 \|.*\| 39.6 % \| 2e-6 \|/m,
  );
  expect(text).toMatch(/^\| GQA, 1 × 2048, 32\/8 heads of 128, f32 \| not reached \|( — \|){11}/m);
});

test('chunks are set against a loop over as many tokens, by both clocks', () => {
  expect(text).toContain(
    '| Gated DeltaNet by chunks of 64, 16384 of 16 heads 128×128 | 10.0 µs | 164 ms | 4.10 ms | 40.0 × | 20.0 µs | 328 ms | 4.11 ms | 79.8 × |',
  );
  expect(summaryOf(report)).toContain('128×128: 40.0 × as fast as the loop by GPU time, 79.8 × by the clock.');
});

test('a training step shows its clocks, its share of the roof and of the peak that the maker states, and the peer beside it', () => {
  expect(training.work.flops / 1e12).toBeCloseTo(1.572, 3); // 6 · 29.9 M · 8192, and attention
  expect(text).toContain(
    '| Tessera, f32, AdamW | 100 ms [95.0–110] | 101 ms | 95.0 ms | 3.00 ms | 700 | 81920 [74473–86232] | 15.7 | 31.4 % | 23.5 % | 3.00 GiB | 0.373 GiB | 2.00 s | 9.20 → 8.50 | 1e-5 |',
  );
  expect(text).toContain('| PyTorch 2.11, f32, AdamW | 49.2 ms (0.492×) | 50.0 ms |');
  expect(text).toMatch(/^\| Muon \| failed: out of memory \|( — \|)+$/m);
  expect(summaryOf(report)).toContain('Training, AdamW: 100 ms a step, 81920 tokens/s, 31.4 % of the f32 roof.');
});

test('speculation shows its rounds beside plain decoding, what rollback takes, and where a text leaves the plain one', () => {
  expect(text).toContain(
    '256 greedy tokens after 128, of which 180 differ from each other. Plain: 400 [380–440] tokens/s.',
  );
  expect(text).toContain(
    '| draft right at 0.3, adaptive up to 8 | 240 [228–264] | 0.60 × [0.57–0.66] | 30.0 % | 50.0 % | 3.50 | 5.00 | 1.00 | 900 | 1.00 | the same |',
  );
  expect(text).toContain('| 1.00 | leaves at token 77, a near tie (3e-6) |');
  expect(text).toContain('Rollback: **40.0 µs [38.0–44.0] a round** by GPU time.');
  expect(text).toContain('| draft right at 0.8, adaptive up to 8 | failed: no memory |');
  expect(summaryOf(report)).toContain(
    '400 tokens/s plain; 0.60 × (draft right at 0.3, adaptive up to 8), 1.60 × (draft right at 0.8, adaptive up to 8); rollback 40.0 µs [38.0–44.0] a round.',
  );
  expect(text).toContain('A pass over one token takes');
  expect(text).toContain('| matmul 5×2048×5632 (rows) | 22 | 900 µs | 100 % |');
});

test('a stream shows the time of a token and the bytes of the state along it, with sinks and without', () => {
  expect(text).toContain('| 512 | 500 µs [475–550] | 1.00 × | 1.00 MiB | 490 µs [466–539] | 1.00 × | 0.500 MiB |');
  expect(text).toContain('| 100,000 | 500 µs [475–550] | 1.00 × | 1.00 MiB | — | — | — |');
  expect(text).toContain('everything: no time was left before 100000.');
  expect(summaryOf(report)).toContain('Stream of story-llama, sinks: 500 µs a token at 512, 500 µs at 100000.');
});

test('nothing that is missing is printed as a value', () => {
  expect(text).not.toMatch(/undefined|NaN|Infinity|\[object/);
  expect(text).toContain('| PyTorch 2.11, bf16 |  |  |  | 22.0 | 25.0 |  | 139000 |  |');
  expect(text).toContain('- attention: no kernel');
});

test('all files of a run are written, and the JSON is the whole of it', () => {
  const files = [
    'bench.json',
    'bench.md',
    'decode-f16.svg',
    'prefill-f16.svg',
    'speculation.svg',
    'streaming-story-llama.svg',
    'training-adamw.svg',
  ];
  expect(writeReport(folder, report).toSorted()).toEqual(files);
  expect(readdirSync(folder).toSorted()).toEqual(files);
  const read = JSON.parse(readFileSync(join(folder, 'bench.json'), 'utf8')) as Report;
  expect(read.rows[0]!.figures!.gpu).toEqual(about(4400));
  expect(read.models[0]!.figures!.waterfalls[0]!.steps).toHaveLength(5);
  const linesIn = (name: string): number =>
    readFileSync(join(folder, name), 'utf8').match(/<polyline[^>]*points="[\d.]+,[\d.]+ [\d., ]+"/g)!.length;
  expect(linesIn('speculation.svg')).toBe(2); // one target, and plain decoding
  expect(linesIn('streaming-story-llama.svg')).toBe(1); // of everything there is one point
});

test('a picture is well-formed, in light and dark, and its bars stay inside', () => {
  const svg = waterfallSvg(waterfall);
  expect(svg).toContain('prefers-color-scheme: dark');
  expect(svg).not.toMatch(/&(?!amp;|lt;|gt;|quot;)|NaN|undefined/);
  expect(svg.match(/<text/g)!.length).toBe(svg.match(/<\/text>/g)!.length);
  const bars = [...svg.matchAll(/<rect x="([\d.]+)" y="\d+" width="([\d.]+)"/g)];
  expect(bars).toHaveLength(5 + 11);
  for (const [, x, width] of bars) expect(Number(x) + Number(width)).toBeLessThanOrEqual(1040 - 150 + 1);
});

test('peers are read from their file, and those of a dry run are refused', () => {
  const path = join(folder, 'peers.json');
  writeFileSync(path, JSON.stringify(peers));
  expect(readPeers(path, false)).toEqual(peers);
  writeFileSync(path, JSON.stringify({ ...peers, dry: true }));
  expect(() => readPeers(path, false)).toThrow('whose figures say nothing');
  expect(readPeers(path, true).dry).toBe(true);
  writeFileSync(path, '{}');
  expect(() => readPeers(path, false)).toThrow('the file has no peer, rows and models');
});

test('no two rows have one name, and every shape that peers measure is one of ours', () => {
  const names = full.map(({ group, shape, dtype }) => `${group} ${shape} ${dtype}`);
  expect(names.filter((name, index) => names.indexOf(name) < index)).toEqual([]);
  const file = new URL('../../peers/shapes.json', import.meta.url);
  const { comment, training: sizes, ...groups } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, never>;
  expect(comment).toBeTypeOf('string');
  expect(trainingShapeOf('full')).toMatchObject(sizes!);
  const shapes = Object.entries(groups as Record<string, { shape: string; dtypes?: string[] }[]>).flatMap(
    ([group, sizes]) =>
      sizes.flatMap(({ shape, dtypes = ['f32'] }) => dtypes.map((dtype) => `${group} ${shape} ${dtype}`)),
  );
  expect(shapes.filter((name) => !names.includes(name))).toEqual([]);
});
