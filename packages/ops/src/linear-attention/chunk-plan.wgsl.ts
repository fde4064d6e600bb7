import type { GpuCapabilities, KernelCall, KernelPass, TensorType } from '@tessera/tensor-core';
import { gpuLimit, sizeOf } from '@tessera/tensor-core';
import type { ChunkPlan } from './chunk-pass.wgsl.ts';
import { chunkRecurrence, chunkRecurrenceFits } from './chunk-recurrence.wgsl.ts';
import { chunkScores, chunkScoresBytes } from './chunk-scores.wgsl.ts';
import { chunkSolveBytes, chunkWy } from './chunk-solve.wgsl.ts';
import { chunkIncrements, chunkScan } from './chunk-states.wgsl.ts';
import type { ChunkedAttributes, LinearAttentionVariant } from './linear-attention-call.ts';
import { operandsOf, sizesOf } from './linear-attention-call.ts';
import { tileMemoryBytes } from './tile-products.wgsl.ts';

/** Rows of a chunk that a tile of products has, and that lanes can keep in registers. */
const longestChunk = 64;
/** Workgroups along one axis of a grid. */
const mostWorkgroups = 65_535;

/** Bytes of workgroup memory of the passes that take most, other than the recurrence, which fits itself to what there is. */
function sharedBytes({ C, decay, delta }: ChunkPlan): number {
  return Math.max(chunkScoresBytes({ C, decay }), delta ? chunkSolveBytes(C) : 0, tileMemoryBytes(64, 1) + 4 * C);
}

/** What passes over chunks are generated from. The length of chunks does not change what is computed: passes take the nearest that they can. */
export function planOf(
  { inputs, attributes: { chunk, decay, delta } }: Pick<KernelCall<ChunkedAttributes>, 'inputs' | 'attributes'>,
  capabilities: GpuCapabilities,
): ChunkPlan {
  const sizes = sizesOf(inputs);
  const C = Math.min(longestChunk, 4 * Math.ceil(chunk / 4));
  return { ...sizes, decay, delta, C, N: Math.ceil(sizes.T / C), capabilities };
}

/** Whether a device can bind a buffer of so many numbers. */
export function fitsBuffer(numbers: number, capabilities: GpuCapabilities): boolean {
  const most = Math.min(gpuLimit(capabilities, 'maxStorageBufferBindingSize'), gpuLimit(capabilities, 'maxBufferSize'));
  return 4 * numbers <= most;
}

/** Whether a device can run a call by passes over its chunks. */
export function goesByChunks(
  call: Pick<KernelCall<ChunkedAttributes>, 'inputs' | 'attributes'>,
  capabilities: GpuCapabilities,
): boolean {
  const plan = planOf(call, capabilities);
  const { C, N, B, H, K, V, delta } = plan;
  return (
    fitsBuffer(N * B * H * Math.max(K * V, C * K, C * V, 2 * C * C), capabilities) &&
    call.inputs.every(({ dtype, shape }) => dtype === 'f32' && sizeOf(shape) > 0) &&
    N * Math.ceil(Math.max(K, V) / 64) * Math.ceil(V / 64) <= mostWorkgroups &&
    sharedBytes(plan) <= gpuLimit(capabilities, 'maxComputeWorkgroupStorageSize') &&
    (!delta || chunkRecurrenceFits({ C, K, V }, capabilities))
  );
}

/** Numbers of the temporaries that hold what the forward passes leave. The last two are of the delta rule. */
export const left = { queries: 0, keys: 1, scores: 2, whole: 3, states: 4, reads: 5, missing: 6 } as const;

/** Types of those, in that order. */
export function temporariesOf({ N, B, H, K, V, C, decay, delta }: ChunkPlan): TensorType[] {
  const chunks = (...rest: number[]): TensorType => ({ dtype: 'f32', shape: [N, B, H, ...rest] });
  return [
    chunks(C, K),
    chunks(C, K),
    chunks(delta ? 2 : 1, C, C),
    chunks(decay === 'vector' ? K : 1),
    chunks(K, V),
    ...(delta ? [chunks(C, K), chunks(C, V)] : []),
  ];
}

/** A temporary as passes bind it. */
export const temporary = (index: number, write = false): KernelPass['bindings'][number] => ({
  of: 'temporary',
  index,
  write,
});

/** The inputs as passes bind them. */
export function inputsOfPasses(
  variant: LinearAttentionVariant,
): Record<'q' | 'k' | 'v' | 'S' | 'g' | 'beta', KernelPass['bindings'][number]> {
  const index = operandsOf([0, 1, 2, 3, 4, 5], variant);
  const input = (at: number | undefined): KernelPass['bindings'][number] => ({ of: 'input', index: at ?? 0 });
  return {
    q: input(index.q),
    k: input(index.k),
    v: input(index.v),
    S: input(index.S),
    g: input(index.g),
    beta: input(index.beta),
  };
}

/** The passes up to the states before the chunks; the last state goes to `last`. */
export function statePasses(plan: ChunkPlan, last: KernelPass['bindings'][number]): KernelPass[] {
  const { q, k, v, S, g, beta } = inputsOfPasses(plan);
  const first = chunkScores(plan, {
    q,
    k,
    g,
    queries: temporary(left.queries, true),
    reads: temporary(left.reads, true),
    keys: temporary(left.keys, true),
    scores: temporary(left.scores, true),
    whole: temporary(left.whole, true),
  });
  if (!plan.delta)
    return [
      first,
      chunkIncrements(plan, { left: temporary(left.keys), right: v, states: temporary(left.states, true) }),
      chunkScan(plan, 'forwards', {
        whole: temporary(left.whole),
        first: S,
        states: temporary(left.states, true),
        last,
      }),
    ];
  return [
    first,
    chunkWy(plan, {
      v,
      beta,
      scores: temporary(left.scores),
      reads: temporary(left.reads, true),
      missing: temporary(left.missing, true),
    }),
    chunkRecurrence(plan, 'forwards', {
      reads: temporary(left.reads),
      writes: temporary(left.keys),
      whole: temporary(left.whole),
      beta,
      first: S,
      columns: temporary(left.missing, true),
      states: temporary(left.states, true),
      last,
    }),
  ];
}
