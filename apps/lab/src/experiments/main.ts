import { parseArgs } from 'node:util';
import { encodeByWord, storyTexts } from '@tessera/data';
import { requestWebGpu } from '@tessera/kernels-webgpu';
import { CpuDevice } from '@tessera/tensor-core';
import type { Device } from '@tessera/tensor-core';
import { createTokenizer } from '@tessera/text';
import { trainTokenizer } from '@tessera/tokenizer-training';
import { create, globals } from 'webgpu';
import type { RunPlan, RunResult } from './experiment.ts';
import { runPlan } from './experiment.ts';
import { mixers } from './mixers.ts';
import { recallPlan } from './recall.ts';
import { countedMixers, stateBytes } from './state-bytes.ts';
import type { StateBytesRow } from './state-bytes.ts';
import { stateBytesTable } from './state-bytes-table.ts';
import { storyPlans } from './stories.ts';
import { studies, studyOptions, studyUsage } from './studies.ts';
import { findingText, writeFinding } from './study.ts';
import type { ExperimentName } from './write-results.ts';
import { gatherResults, resultsText, writeResults, writeText } from './write-results.ts';

// The entry must not be collected while a device of it lives, and Dawn keeps the process alive.
Object.assign(globalThis, globals);
const gpus: GPU[] = [];

const usage = `experiment stories|recall [--mixers=NAME,…] [--seeds=0,1,2] [--widths=32,64] [--steps=N] [--rows=64] [--rate=0.004] [--device=webgpu|software|cpu] [--seconds=N] [--out=FOLDER]
experiment bytes [--mixers=NAME,…] [--tokens=10,10000] [--device=webgpu|software|cpu] [--out=FOLDER]
experiment gather FILE.json … --out=FOLDER

stories   loss on generated stories at equal parameters and tokens
recall    multi-query associative recall: 8 pairs among 128 tokens
bytes     what the state of one layer of each mixer takes after so many tokens, as the device counts its buffers
gather    one table and picture of the JSON that several processes wrote
rows      of recall: those of a batch; --rate its learning rate
mixers    ${Object.keys(mixers).join(', ')}
seconds   nothing new begins after this time

Each of the following takes --seeds, --device and --out too, and at SIGINT keeps what it has.
${studyUsage}`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    mixers: { type: 'string' },
    seeds: { type: 'string', default: '0' },
    widths: { type: 'string', default: '32,64' },
    steps: { type: 'string' },
    rows: { type: 'string' },
    rate: { type: 'string' },
    device: { type: 'string', default: 'webgpu' },
    seconds: { type: 'string' },
    tokens: { type: 'string', default: '10,10000' },
    out: { type: 'string' },
    ...studyOptions,
    help: { type: 'boolean', default: false },
  },
});
const [name, ...files] = positionals;
if (!values.help && name !== undefined && Object.hasOwn(studies, name)) {
  await runStudy(name);
  process.exit(process.exitCode ?? 0);
}
if (values.help || (name !== 'stories' && name !== 'recall' && name !== 'bytes' && name !== 'gather')) {
  process.stdout.write(`${usage}\n`);
  process.exit(values.help ? 0 : 2);
}
if (name === 'gather') {
  const made = gatherResults(files);
  process.stdout.write(resultsText(made));
  if (values.out !== undefined) writeResults(values.out, made);
} else if (name === 'bytes') await countBytes();
else await run(name);
process.exit(0);

async function countBytes(): Promise<void> {
  const device = await openDevice(values.device);
  const counts = numbers(values.tokens);
  const counted: StateBytesRow[] = [];
  try {
    for (const mixer of values.mixers?.split(',') ?? countedMixers) {
      counted.push(await stateBytes(device, mixer, counts));
      process.stderr.write(`${mixer}: ${counted.at(-1)!.bytes.join(', ')}\n`);
    }
  } finally {
    const text = `${device.name}\n\n${stateBytesTable(counts, counted)}`;
    process.stdout.write(text);
    if (values.out !== undefined) writeText(values.out, 'state-bytes.md', text);
    device.dispose();
  }
}

async function runStudy(of: string): Promise<void> {
  const study = studies[of]!(values);
  const device = await openDevice(values.device);
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort(new Error('Interrupted.')));
  try {
    await study.run({
      device,
      seeds: numbers(values.seeds),
      signal: interrupt.signal,
      progress: (line) => process.stderr.write(`${line}\n`),
    });
  } finally {
    const finding = study.finding();
    process.stdout.write(findingText(device.name, finding));
    if (values.out !== undefined) writeFinding(values.out, study.name, device.name, finding);
    device.dispose();
  }
}

async function run(experiment: ExperimentName): Promise<void> {
  const until = performance.now() + 1000 * Number(values.seconds ?? Infinity);
  const device = await openDevice(values.device);
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort(new Error('Interrupted.')));
  const results: RunResult[] = [];
  try {
    for (const plan of await plansOf(experiment)) {
      if (performance.now() > until) {
        process.stderr.write(`${plan.mixer}, seed ${plan.seed}, and what follows: no time is left\n`);
        break;
      }
      const result = await runPlan(plan, device, interrupt.signal);
      results.push(result);
      const measured = Object.entries(result.measured).map(([key, value]) => `${key} ${value.toFixed(4)}`);
      process.stderr.write(
        `${result.mixer}, width ${result.width}, seed ${result.seed}: ${measured.join(', ')}, ${result.seconds.toFixed(1)} s\n`,
      );
    }
  } finally {
    const made = { experiment, device: device.name, results };
    process.stdout.write(resultsText(made));
    if (values.out !== undefined) writeResults(values.out, made);
    device.dispose();
  }
}

async function plansOf(experiment: ExperimentName): Promise<readonly RunPlan[]> {
  const chosen = values.mixers?.split(',') ?? Object.keys(mixers);
  const [steps, rows, learningRate] = [values.steps, values.rows, values.rate].map((each) =>
    each === undefined ? undefined : Number(each),
  );
  const seeds = numbers(values.seeds);
  if (experiment === 'recall')
    return numbers(values.widths).flatMap((width) =>
      chosen.flatMap((mixer) => seeds.map((seed) => recallPlan(mixer, width, seed, { steps, rows, learningRate }))),
    );
  const pieces = storyTexts(20_000, { seed: 1 }).pieces();
  const { tokenizerJson, tokenizerConfigJson: tokenizerConfig } = await trainTokenizer(pieces, { vocabSize: 1024 });
  const plan = await storyPlans(encodeByWord(createTokenizer({ tokenizerJson, tokenizerConfig })));
  return chosen.flatMap((mixer) => seeds.map((seed) => plan(mixer, seed, steps)));
}

function numbers(text: string): number[] {
  return text.split(',').map(Number);
}

async function openDevice(kind: string): Promise<Device> {
  if (kind === 'cpu') return new CpuDevice();
  const gpu = kind === 'software' ? await (await import('@tessera/software-gpu')).softwareGpu() : create([]);
  gpus.push(gpu);
  const opened = await requestWebGpu({ gpu });
  if (!opened) throw new Error('There is no GPU. Give --device=cpu.');
  return opened;
}
