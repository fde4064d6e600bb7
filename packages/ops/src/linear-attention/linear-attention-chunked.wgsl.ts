import type { KernelPass, TensorType, WebGpuPassesKernel } from '@tessera/tensor-core';
import { sizeOf } from '@tessera/tensor-core';
import { chunkRecurrence, chunkRecurrenceFits } from './chunk-recurrence.wgsl.ts';
import { chunkScores, chunkScoresBytes } from './chunk-scores.wgsl.ts';
import { chunkWy, chunkWyBytes } from './chunk-wy.wgsl.ts';
import type { LinearAttentionVariant } from './linear-attention-call.ts';
import { sizesOf } from './linear-attention-call.ts';
import { workgroupBytes } from '../quads.wgsl.ts';

/** Rows of chunks that lanes can keep in registers. */
const longestChunk = 64;

/** Inputs of the op. */
const [q, k, v, S, g, beta] = [0, 1, 2, 3, 4, 5] as const;

const input = (index: number): KernelPass['bindings'][number] => ({ of: 'input', index });
const temporary = (index: number, write = false): KernelPass['bindings'][number] => ({ of: 'temporary', index, write });
const output = (index: number): KernelPass['bindings'][number] => ({ of: 'output', index, write: true });

/**
 * The gated delta rule by chunks in three dispatches: scores and the WY form, all chunks side by side, then the recurrence from
 * chunk to chunk, all columns of the states side by side.
 */
export const chunkedKernel: WebGpuPassesKernel<LinearAttentionVariant & { readonly chunk: number }> = {
  backend: 'webgpu',
  name: 'by chunks',
  when(capabilities, { inputs, attributes: { chunk: C, decay, delta } }) {
    const bytes = Math.max(chunkScoresBytes(C), chunkWyBytes(C));
    return (
      decay === 'scalar' &&
      delta &&
      inputs.every(({ dtype, shape }) => dtype === 'f32' && sizeOf(shape) > 0) &&
      C % 4 === 0 &&
      C <= longestChunk &&
      bytes <= workgroupBytes(capabilities) &&
      chunkRecurrenceFits(sizesOf(inputs), C, capabilities)
    );
  },
  passes({ inputs, attributes: { chunk: C } }, capabilities) {
    const sizes = sizesOf(inputs);
    const { B, T, H, K, V } = sizes;
    const chunks = (...rest: number[]): TensorType => ({ dtype: 'f32', shape: [Math.ceil(T / C), B, H, ...rest] });
    return {
      // Q ⊙ e^G, K ⊙ e^{G_C − G}, P, e^{G_C}, W and U.
      temporaries: [chunks(C, K), chunks(C, K), chunks(C, C), chunks(), chunks(C, K + V)],
      passes: [
        {
          ...chunkScores(sizes, C),
          bindings: [...[q, k, g].map(input), ...[0, 1, 2, 3].map((index) => temporary(index, true))],
        },
        { ...chunkWy(sizes, C), bindings: [...[k, v, g, beta].map(input), temporary(4, true)] },
        {
          ...chunkRecurrence(sizes, C, capabilities),
          bindings: [...[0, 1, 2, 3, 4].map((index) => temporary(index)), input(S), output(0), output(1)],
        },
      ],
    };
  },
};
