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
const gpu = create(native ? ['enable-dawn-features=vulkan_enable_f16_on_nvidia,allow_unsafe_apis'] : []);
const device = await requestWebGpu({ gpu });
if (!device) throw new Error('bench: there is no WebGPU adapter here.');
if (/swiftshader|llvmpipe/i.test(device.name))
  throw new Error(`bench: ${device.name} is a software adapter; its times say nothing. Run this on a GPU.`);

const rows: Measurement[] = [];
console.log(`device: ${device.name}; ${native ? 'native toggles' : 'as a page sees it'}`);
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
  const figures = await benchModel(device, tinyLlamaSpec(), dtype, `1.1 B Llama shape, ${dtype}`);
  models.push(figures);
  console.log(JSON.stringify(figures));
}
const out = options.find((option) => option.startsWith('--json='))?.slice('--json='.length);
if (out !== undefined)
  writeFileSync(out, `${JSON.stringify({ device: device.name, native, rows, models }, undefined, 2)}\n`);
process.exit(0);
