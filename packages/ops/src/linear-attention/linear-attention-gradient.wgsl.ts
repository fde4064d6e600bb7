import type { KernelPass, WebGpuPassesKernel } from '@tessera/tensor-core';
import { gpuLimit } from '@tessera/tensor-core';
import { chunkKeysGradient, chunkKeysGradientBytes } from './chunk-keys-gradient.wgsl.ts';
import {
  fitsBuffer,
  goesByChunks,
  inputsOfPasses,
  left,
  planOf,
  statePasses,
  temporariesOf,
  temporary,
} from './chunk-plan.wgsl.ts';
import { chunkRecurrence } from './chunk-recurrence.wgsl.ts';
import { chunkWyBack } from './chunk-solve.wgsl.ts';
import { chunkIncrements, chunkScan } from './chunk-states.wgsl.ts';
import { chunkStatesGradient, chunkStatesGradientBytes, handedRows } from './chunk-states-gradient.wgsl.ts';
import { chunkScoresGradient, chunkScoresGradientBytes, chunkWrittenGradient } from './chunk-written-gradient.wgsl.ts';
import type { ChunkedAttributes } from './linear-attention-call.ts';

/**
 * The gradient of linear attention by chunks: forward again up to the states before the chunks, then their cotangents from the last
 * chunk to the first, then all that belongs to a chunk, side by side. Nine dispatches, of the delta rule ten.
 */
export const gradientKernel: WebGpuPassesKernel<ChunkedAttributes> = {
  backend: 'webgpu',
  name: 'by chunks',
  when(capabilities, call) {
    const plan = planOf(call, capabilities);
    const { N, B, H, K } = plan;
    return (
      goesByChunks(call, capabilities) &&
      fitsBuffer(N * B * H * handedRows(plan) * K, capabilities) &&
      Math.max(chunkScoresGradientBytes(plan), chunkStatesGradientBytes(plan), chunkKeysGradientBytes(plan)) <=
        gpuLimit(capabilities, 'maxComputeWorkgroupStorageSize')
    );
  },
  passes(call, capabilities) {
    const plan = planOf(call, capabilities);
    const { N, B, H, K, V, C, decay, delta } = plan;
    const { q, k, v, g, beta } = inputsOfPasses(plan);
    const cotangents = call.inputs.length - 2;
    const [dO, dS] = [0, 1].map((index): KernelPass['bindings'][number] => ({ of: 'input', index: cotangents + index })) as [KernelPass['bindings'][number], KernelPass['bindings'][number]]; // prettier-ignore
    const output = (index: number): KernelPass['bindings'][number] => ({ of: 'output', index, write: true });
    const [dq, dk, dv, dS0, dg] = [0, 1, 2, 3, 4].map(output) as [typeof dO, typeof dO, typeof dO, typeof dO, typeof dO]; // prettier-ignore
    const dBeta = output(decay === 'none' ? 4 : 5);
    const forward = temporariesOf(plan);
    const first = forward.length;
    const [dStates, handed, last, dWritten] = [first, first + 1, first + 2, first + 3] as const;
    const back: KernelPass[] = delta
      ? [
          chunkWrittenGradient(plan, {
            scores: temporary(left.scores),
            dO,
            keys: temporary(left.keys),
            dStates: temporary(dStates),
            out: temporary(dWritten, true),
          }),
          chunkRecurrence(plan, 'backwards', {
            reads: temporary(left.keys),
            writes: temporary(left.reads),
            whole: temporary(left.whole),
            beta,
            first: dS,
            columns: temporary(dWritten, true),
            states: temporary(dStates, true),
            last: dS0,
          }),
          chunkWyBack(plan, { scores: temporary(left.scores), beta, dWritten: temporary(dWritten, true), dv }),
        ]
      : [
          chunkScan(plan, 'backwards', {
            whole: temporary(left.whole),
            first: dS,
            states: temporary(dStates, true),
            last: dS0,
          }),
          chunkWrittenGradient(plan, {
            scores: temporary(left.scores),
            dO,
            keys: temporary(left.keys),
            dStates: temporary(dStates),
            out: dv,
          }),
        ];
    return {
      temporaries: [
        ...forward,
        { dtype: 'f32', shape: [N, B, H, K, V] },
        { dtype: 'f32', shape: [N, B, H, handedRows(plan), K] },
        { dtype: 'f32', shape: [B, H, K, V] },
        ...(delta ? [{ dtype: 'f32' as const, shape: [N, B, H, C, V] }] : []),
      ],
      passes: [
        ...statePasses(plan, temporary(last, true)),
        chunkIncrements(plan, { left: temporary(left.queries), right: dO, states: temporary(dStates, true) }),
        ...back,
        chunkScoresGradient(plan, {
          dO,
          v,
          g,
          beta,
          missing: temporary(left.missing),
          dWritten: temporary(dWritten),
          scores: temporary(left.scores, true),
          dBeta,
          dg,
        }),
        chunkStatesGradient(plan, {
          dO,
          states: temporary(left.states),
          dStates: temporary(dStates),
          v,
          missing: temporary(left.missing),
          dWritten: temporary(dWritten),
          beta,
          dq,
          handed: temporary(handed, true),
        }),
        chunkKeysGradient(plan, {
          q,
          k,
          g,
          scores: temporary(left.scores),
          handed: temporary(handed),
          dq,
          dk,
          dg,
        }),
      ],
    };
  },
};
