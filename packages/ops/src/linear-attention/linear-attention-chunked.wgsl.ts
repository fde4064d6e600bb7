import type { WebGpuPassesKernel } from '@tessera/tensor-core';
import { chunkOutputs } from './chunk-outputs.wgsl.ts';
import {
  goesByChunks,
  inputsOfPasses,
  left,
  planOf,
  statePasses,
  temporariesOf,
  temporary,
} from './chunk-plan.wgsl.ts';
import type { ChunkedAttributes } from './linear-attention-call.ts';

/**
 * Linear attention by chunks in four dispatches. Scores inside the chunks, all side by side; the states before them: without the
 * delta rule what each chunk adds, then a scan over it, with the delta rule its WY form, then what goes from chunk to chunk, all columns
 * of the states side by side; and the outputs, again all chunks side by side.
 */
export const chunkedKernel: WebGpuPassesKernel<ChunkedAttributes> = {
  backend: 'webgpu',
  name: 'by chunks',
  when: (capabilities, call) => goesByChunks(call, capabilities),
  passes(call, capabilities) {
    const plan = planOf(call, capabilities);
    const { v, beta } = inputsOfPasses(plan);
    return {
      temporaries: temporariesOf(plan),
      passes: [
        ...statePasses(plan, { of: 'output', index: 1, write: true }),
        chunkOutputs(plan, {
          queries: temporary(left.queries),
          states: temporary(left.states),
          scores: temporary(left.scores),
          missing: temporary(left.missing),
          v,
          beta,
          o: { of: 'output', index: 0, write: true },
        }),
      ],
    };
  },
};
