import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { latentAttentions } from '@tessera/attention-latent';
import { linearAttention } from '@tessera/attention-linear';
import { softmax } from '@tessera/attention-softmax';
import { feedForward } from '@tessera/feedforward';
import { mixtureOfExperts } from '@tessera/feedforward-moe';
import { memoryMosaics } from '@tessera/mixers-memory-mosaic';
import { norms } from '@tessera/norms';
import type { LayerSpec, ModelSpec, Plugin } from '@tessera/plugin';
import type { Program } from '@tessera/tensor-core';
import { CpuDevice } from '@tessera/tensor-core';
import type { Assembler } from './assembler.ts';
import { createAssembler } from './assembler.ts';
import type { Model } from './model/model.ts';

/** The families of this repository that the tests use. */
export const families: readonly Plugin[] = [
  softmax,
  linearAttention,
  latentAttentions,
  feedForward,
  mixtureOfExperts,
  memoryMosaics,
  norms,
];

/** An assembler with all of {@link families}. */
export const assembler: Assembler = createAssembler({ plugins: families });

const apps = fileURLToPath(new URL('../../../apps/', import.meta.url));

/** Directory of a trained model of 3.3 million parameters, sharded, with a tokenizer. */
export const llamaDirectory: string = join(apps, 'models/llama-4m');

/** Directory of a conformance case. */
export function caseDirectory(name: string): string {
  return join(apps, 'conformance/cases', name);
}

/** Names of all conformance cases. */
export const caseNames: readonly string[] = readdirSync(join(apps, 'conformance/cases')).toSorted();

/** Files of a directory by name, all but the reference outputs. */
export function filesOf(directory: string): Record<string, Uint8Array<ArrayBuffer>> {
  const names = readdirSync(directory).filter((name) => !/^(?:golden|grads|meta)\b/.test(name));
  return Object.fromEntries(names.map((name) => [name, new Uint8Array(readFileSync(join(directory, name)))]));
}

/** Four layers of four kinds: everything that a stack can be made of. */
export const hybridLayers: readonly LayerSpec[] = [
  {
    mixer: {
      type: '@tessera/attention-linear:gated-delta-net',
      config: { keyHeads: 2, valueHeads: 4, keyDim: 3, valueDim: 4 },
    },
    mixerNorm: { type: '@tessera/norms:rms' },
    feedForward: { type: '@tessera/feedforward:gated', config: { hidden: 20 } },
    feedForwardNorm: { type: '@tessera/norms:rms' },
  },
  {
    mixer: {
      type: '@tessera/attention-softmax:softmax-attention',
      config: { heads: 4, kvHeads: 2, qkNorm: { over: 'head' } },
    },
    mixerNorm: { type: '@tessera/norms:layer' },
    mixerOutputNorm: { type: '@tessera/norms:rms' },
    feedForward: { type: '@tessera/feedforward:gated', config: { hidden: 16, activation: 'gelu-tanh' } },
    feedForwardNorm: { type: '@tessera/norms:rms' },
    feedForwardOutputNorm: { type: '@tessera/norms:rms' },
    residualMultiplier: 0.7,
  },
  {
    mixer: {
      type: '@tessera/attention-softmax:softmax-attention',
      config: { heads: 2, window: 5, rotary: { theta: 100 } },
    },
    mixerNorm: { type: '@tessera/norms:rms' },
    feedForward: { type: '@tessera/feedforward:dense', config: { hidden: 16 } },
    feedForwardNorm: { type: '@tessera/norms:layer', config: { bias: false } },
    residual: 'parallel',
  },
  {
    mixer: { type: '@tessera/attention-linear:short-convolution', config: { bias: true } },
    mixerOutputNorm: { type: '@tessera/norms:rms' },
    feedForward: { type: '@tessera/feedforward:gated', config: { hidden: 12 } },
    feedForwardOutputNorm: { type: '@tessera/norms:rms' },
  },
];

/** A small hybrid model. */
export const hybridSpec: ModelSpec = {
  vocabSize: 40,
  dModel: 12,
  maxPositions: 256,
  layers: hybridLayers,
  finalNorm: { type: '@tessera/norms:rms' },
};

/** {@link hybridSpec} with weights of a seed, on a CPU of its own. */
export function hybridModel(seed = 1): Promise<Model> {
  return assembler.assemble(hybridSpec, { device: 'cpu', seed });
}

/** A small model that compiles fast: one layer of attention. */
export const smallSpec: ModelSpec = {
  vocabSize: 40,
  dModel: 8,
  maxPositions: 64,
  layers: [{ mixer: { type: '@tessera/attention-softmax:softmax-attention', config: { heads: 2 } } }],
  finalNorm: { type: '@tessera/norms:rms' },
};

/**
 * A CPU that says that it works beside the host, as a GPU does: so tokens are chosen there, and weights are written in
 * pieces. Counts runs of programs.
 */
export class BesideDevice extends CpuDevice {
  override readonly onHost: boolean = false;
  compiled = 0;
  runs = 0;

  override async compile(...call: Parameters<CpuDevice['compile']>): Promise<Program> {
    this.compiled++;
    const program = await super.compile(...call);
    const run: Program['run'] = (inputs) => {
      this.runs++;
      return program.run(inputs);
    };
    return { ...program, run };
  }
}

/** Ids below a size that look random and are always the same. */
export function someIds(count: number, vocabSize: number, seed = 1): number[] {
  return Array.from({ length: count }, (_, index) => (((index + 3) * 7919 + seed * 104_729) % 65_537) % vocabSize);
}

/** The largest difference of two lists of numbers of one length. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}
