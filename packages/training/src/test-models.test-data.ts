import { createAssembler } from '@tessera/assembler';
import type { Assembler } from '@tessera/assembler';
import { softmax } from '@tessera/attention-softmax';
import { feedForward } from '@tessera/feedforward';
import { norms } from '@tessera/norms';
import type { LayerSpec, ModelSpec } from '@tessera/plugin';
import { CpuDevice } from '@tessera/tensor-core';
import { batchesOf } from './batch-source.ts';
import type { BatchSource } from './batch-source.ts';
import type { TrainerOptions } from './trainer-options.ts';

/** An assembler with the families of the tests. */
export const assembler: Assembler = createAssembler({ plugins: [softmax, feedForward, norms] });

const layer: LayerSpec = {
  mixer: { type: '@tessera/attention-softmax:softmax-attention', config: { heads: 2 } },
  mixerNorm: { type: '@tessera/norms:rms' },
  feedForward: { type: '@tessera/feedforward:gated', config: { hidden: 12 } },
  feedForwardNorm: { type: '@tessera/norms:rms' },
};

/** Two layers of a small Llama shape. */
export const spec: ModelSpec = {
  vocabSize: 16,
  dModel: 8,
  maxPositions: 32,
  layers: [layer, layer],
  finalNorm: { type: '@tessera/norms:rms' },
};

/** One layer, for devices that compile slowly. */
export const smallSpec: ModelSpec = { ...spec, layers: [layer] };

/** Rows of a text that can be learned: each id follows from the one before, more often than not. */
export function rowsOf(count: number, length: number, seed = 1): number[][] {
  let state = seed;
  const draw = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  return Array.from({ length: count }, () => {
    const row = [draw(16)];
    while (row.length < length) row.push(draw(5) === 0 ? draw(16) : (3 * row.at(-1)! + 1) % 16);
    return row;
  });
}

/** Sixteen batches of four rows of ten tokens that predict. */
export const someBatches = (): BatchSource => batchesOf(rowsOf(64, 11), 4);

/** AdamW over {@link someBatches}. */
export const usual = (given: Partial<TrainerOptions> = {}): TrainerOptions => ({
  batches: someBatches(),
  optimizer: { kind: 'adamw', learningRate: 0.01 },
  ...given,
});

/** A CPU that says that it works beside the host, as a GPU does, and counts runs. */
export class BesideDevice extends CpuDevice {
  override readonly onHost: boolean = false;
  runs = 0;

  override async compile(...call: Parameters<CpuDevice['compile']>): ReturnType<CpuDevice['compile']> {
    const program = await super.compile(...call);
    return {
      ...program,
      run: (inputs) => {
        this.runs++;
        return program.run(inputs);
      },
    };
  }
}
