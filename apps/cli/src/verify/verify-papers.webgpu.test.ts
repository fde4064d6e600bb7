import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { requestWebGpu } from '@tessera/kernels-webgpu';
import { softwareGpu, takesAll } from '@tessera/software-gpu';
import { expect, test } from 'vitest';
import { papersDirectory } from '../testing/checkpoints.test-support.ts';
import { CollectingStream } from '../testing/run-tessera.test-support.ts';
import { verifyCase } from './verify-case.ts';

const all = takesAll('the other layers of the paper on linear attention');
const some = ['linearized_flash_aug', 'linearized_llama_replace_aug'];
const linearized = readdirSync(papersDirectory).filter((name) => name.startsWith('linearized_'));
const device = await requestWebGpu({ gpu: await softwareGpu() });
const [stdout, stderr] = [new CollectingStream(), new CollectingStream()];
const terminal = { stdout, stderr, stdin: Readable.from([]), signal: new AbortController().signal };

test.each([...(all ? linearized : some), 'streaming_sinks_tiny'])(
  '%s gives on WebGPU what the official code gives',
  async (name) => {
    const verdict = await verifyCase(join(papersDirectory, name), { device: device! }, terminal);
    expect(verdict).toMatchObject({ device: 'webgpu', dtype: 'fp32', pass: true });
  },
);
