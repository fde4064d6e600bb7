import { writeFileSync } from 'node:fs';
import { requestWebGpu } from '@tessera/kernels-webgpu';
import { create, globals } from 'webgpu';
import { benchKernels } from './bench/kernels.ts';
import type { Measurement } from './bench/measure.ts';
import { benchModel, tinyLlamaSpec } from './bench/model.ts';

// Dawn keeps the process alive and must not be collected while its device lives.
Object.assign(globalThis, globals);
const options = process.argv.slice(2);
const native = options.includes('--native');
// Exact timestamps are no part of what a page sees; they change nothing that is timed by the clock.
const gpu = create([
  'disable-dawn-features=timestamp_quantization',
  ...(native ? ['enable-dawn-features=vulkan_enable_f16_on_nvidia,allow_unsafe_apis'] : []),
]);
const only = options
  .find((option) => option.startsWith('--only='))
  ?.slice('--only='.length)
  .split(',');
const device = await requestWebGpu({ gpu });
if (!device) throw new Error('bench: there is no WebGPU adapter here.');
if (/swiftshader|llvmpipe/i.test(device.name))
  throw new Error(`bench: ${device.name} is a software adapter; its times say nothing. Run this on a GPU.`);

const rows: Measurement[] = [];
console.log(`device: ${device.name}; ${native ? 'native toggles' : 'as a page sees it'}`);
if (!only || only.includes('kernels'))
  await benchKernels(device, (row) => {
    rows.push(row);
    const figure =
      row.error > 1e-3 ? `wrong by ${row.error.toExponential(1)}: no figure` : `${row.rate.toFixed(1)} ${row.unit}`;
    console.log(
      `${row.name.padEnd(40)} ${row.ms.toFixed(3).padStart(9)} ms  [${row.spread.map((ms) => ms.toFixed(3)).join(', ')}]  ${figure}  (error ${row.error.toExponential(1)}, ${row.dispatches} dispatches)`,
    );
  });
const models = [];
for (const dtype of ['f16', 'bf16', 'f32'] as const) {
  if (only && !only.includes(dtype)) continue;
  const figures = await benchModel(device, tinyLlamaSpec(), dtype, `1.1 B Llama shape, ${dtype}`);
  models.push(figures);
  const { decodeParts, prefillParts, ...rest } = figures;
  console.log(JSON.stringify(rest));
  for (const [title, parts] of [
    ['decode step', decodeParts],
    ['prefill', prefillParts],
  ] as const) {
    const total = parts.reduce((sum, { microseconds }) => sum + microseconds, 0);
    console.log(`${title}: ${total.toFixed(0)} µs of GPU time in ${parts.length} kinds of dispatch`);
    for (const { label, count, microseconds } of parts.slice(0, 16))
      console.log(`  ${microseconds.toFixed(1).padStart(9)} µs  ${String(count).padStart(4)} ×  ${label}`);
  }
}
const out = options.find((option) => option.startsWith('--json='))?.slice('--json='.length);
if (out !== undefined)
  writeFileSync(out, `${JSON.stringify({ device: device.name, native, rows, models }, undefined, 2)}\n`);
process.exit(0);
