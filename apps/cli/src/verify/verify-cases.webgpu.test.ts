import { readdirSync } from 'node:fs';
import { Readable } from 'node:stream';
import { requestWebGpu } from '@tessera/kernels-webgpu';
import { softwareGpu, takesAll } from '@tessera/software-gpu';
import { describe, expect, test } from 'vitest';
import { caseDirectory, casesDirectory } from '../testing/checkpoints.test-support.ts';
import { CollectingStream } from '../testing/run-tessera.test-support.ts';
import { verifyCase } from './verify-case.ts';

/** One case of each layout, with as many of its settings as one case has. */
const oneOfEach = [
  'deepseek_v2-groups',
  'deepseek_v3-groups',
  'gated_deltaproduct-two',
  'gemma3-v4',
  'gla-convolved',
  'gpt2-full',
  'gpt_neox-full',
  'granite-tied-llama3',
  'grouped_latent_gla-biases',
  'grouped_latent_gta-biases',
  'kda-bounded',
  'kimi_linear-published',
  'lfm2-full',
  'linear_attn-hedgehog-normalized',
  'llama-full',
  'memory_mosaics_library-taps',
  'memory_mosaics_nano-plain',
  'minicpm3-yarn-plain',
  'minimax-factors',
  'mistral-window',
  'olmo2-full',
  'olmo_hybrid-full',
  'phi3-full',
  'qwen2-padding-tied',
  'qwen3-window',
  'qwen3_next-full',
  'smollm3-list',
  'transformer-window',
];

/** Those of them whose gradients are compared too: tied and not, with biases, with a row that has none, with a delta rule, with experts. */
const differentiated: ReadonlySet<string> = new Set([
  'deepseek_v3-groups',
  'gpt2-full',
  'olmo_hybrid-full',
  'qwen2-padding-tied',
]);

const all = takesAll('the other conformance cases, and all of them without subgroups');
const gpu = await softwareGpu();
const [stdout, stderr] = [new CollectingStream(), new CollectingStream()];
const terminal = { stdout, stderr, stdin: Readable.from([]), signal: new AbortController().signal };

for (const without of all ? [[], ['subgroups']] : [[]]) {
  const device = await requestWebGpu({ gpu, without });

  describe(`logits, greedy tokens and gradients on WebGPU${without.map((feature) => `, without ${feature}`).join('')}`, () => {
    test.each(all ? readdirSync(casesDirectory).sort() : oneOfEach)('%s', async (name) => {
      const grads = all || differentiated.has(name);
      const verdict = await verifyCase(caseDirectory(name), { device: device!, grads }, terminal);
      // An encoder does not generate.
      const greedyEqual = name === 'gemma3-bidirectional' ? null : true;
      expect(verdict).toMatchObject({ device: 'webgpu', dtype: 'fp32', greedyEqual, pass: true });
      expect(verdict.gradients?.pass).toBe(grads ? true : undefined);
    });
  });
}
