import { attention, latentAttention } from '@tessera/ops';
import type { HostArray, Tensor, TensorType } from '@tessera/tensor-core';
import { fromHost } from '@tessera/tensor-core';
import type { CaseInput, KernelCase } from '../kernel-case.ts';
import { somePlaces } from '../kernel-case.ts';
import type { Scale } from '../scale.ts';
import { capacityOf, queryOutput, slotOf, widthOf } from './latent-reference.ts';
import type { CachedAttention } from './latent-reference.ts';

const f32 = (...shape: number[]): TensorType => ({ shape, dtype: 'f32' });

/** Scores whose spread is about 3: some keys count much more than others. */
function queryScale({ K, R, scale }: CachedAttention): number {
  return 9 / (scale * Math.sqrt(K + R));
}

function titleOf({ mechanism, B, n, S, H, G, K, R, V }: CachedAttention): string {
  const cache = {
    GQA: `${H}/${G} heads of ${K}`,
    GTA: `${H}/${G} heads of ${V}, ${R} shared`,
    MLA: `${H} heads, latent of ${V} + ${R}`,
    GLA: `${H} heads, ${G} latents of ${V} + ${R}`,
  };
  return `${mechanism}, ${n} × ${S}${B > 1 ? `, batch ${B}` : ''}, ${cache[mechanism]}`;
}

/** Positions of the queries, the same for each row of the batch, `[B, n]`. */
function queryPositions({ B, n, S }: CachedAttention): Tensor {
  return fromHost(
    Int32Array.from({ length: B * n }, (_, at) => S - n + (at % n)),
    [B, n],
  );
}

/** Position of each slot, `[B, capacity]`; −1 where the cache has room. */
function keyPositions(size: CachedAttention): Tensor {
  const { B, S } = size;
  const capacity = capacityOf(size);
  const positions = new Int32Array(B * capacity).fill(-1);
  for (let b = 0; b < B; b++)
    for (let position = 0; position < S; position++) positions[b * capacity + slotOf(size, position)] = position;
  return fromHost(positions, [B, capacity]);
}

/** Inputs of one unit: queries, then the cache. */
function unitInputs(size: CachedAttention): CaseInput[] {
  const { mechanism, B, n, H, G, K, R, V } = size;
  const capacity = capacityOf(size);
  const q = { ...f32(B, n, H, K + R), scale: queryScale(size) };
  if (mechanism === 'GQA') return [q, f32(B, capacity, G, K), f32(B, capacity, G, V)];
  return [q, f32(B, capacity, widthOf(size))];
}

function attend(size: CachedAttention, [q, first, second]: readonly Tensor[], positions: readonly Tensor[]): Tensor {
  const { mechanism, G, R, scale } = size;
  const call = { q: q!, queryPositions: positions[0]!, keyPositions: positions[1]!, scale };
  if (mechanism === 'GQA') return attention({ ...call, k: first!, v: second! });
  return latentAttention({ ...call, rows: first!, groups: G, sharedDim: R });
}

/**
 * A decode step's attention over the cache: n queries at the last positions, causal among themselves. What must be read is the
 * rows of the positions that the cache holds, once, not its empty slots. In a run over `units` caches.
 */
function cachedCase(size: CachedAttention, units: number): KernelCase {
  const { B, n, S, H, K, R, V } = size;
  const each = unitInputs(size).length;
  const pairs = B * H * (n * S - (n * (n - 1)) / 2);
  return {
    group: 'latent',
    shape: titleOf(size),
    dtype: 'f32',
    inputs: Array.from({ length: units }, () => unitInputs(size)).flat(),
    build(inputs) {
      const positions = [queryPositions(size), keyPositions(size)];
      return Array.from({ length: units }, (_, unit) =>
        attend(size, inputs.slice(unit * each, (unit + 1) * each), positions),
      );
    },
    units,
    work: {
      bytes: 4 * (B * S * widthOf(size) + B * n * H * (K + R + V)),
      flops: 2 * pairs * (K + R + V),
    },
    check(data: readonly HostArray[]) {
      const [q, ...cache] = data.slice(-each);
      return somePlaces(B * n * H, 5).flatMap((row) => {
        const at = { b: Math.floor(row / (n * H)), i: Math.floor(row / H) % n, h: row % H };
        return Array.from(queryOutput(size, q!, cache, at), (value, d) => ({ index: row * V + d, value }));
      });
    },
    tolerance: 2e-4,
  };
}

type Heads = Omit<CachedAttention, 'B' | 'n' | 'S' | 'H'>;

/** What the papers compare: DeepSeek-V2's latent, and heads of 128. A cache has 2048, 1088, 576 and 576 elements a position. */
const mechanisms: readonly Heads[] = [
  { mechanism: 'GQA', G: 8, K: 128, R: 0, V: 128, scale: 128 ** -0.5 },
  { mechanism: 'GTA', G: 8, K: 64, R: 64, V: 128, scale: 128 ** -0.5 },
  { mechanism: 'MLA', G: 1, K: 512, R: 64, V: 512, scale: 192 ** -0.5 },
  { mechanism: 'GLA', G: 2, K: 256, R: 64, V: 256, scale: 192 ** -0.5 },
];

const tiny: readonly Heads[] = [
  { mechanism: 'GQA', G: 1, K: 8, R: 0, V: 8, scale: 8 ** -0.5 },
  { mechanism: 'GTA', G: 1, K: 4, R: 4, V: 8, scale: 8 ** -0.5 },
  { mechanism: 'MLA', G: 1, K: 8, R: 4, V: 8, scale: 12 ** -0.5 },
  { mechanism: 'GLA', G: 2, K: 8, R: 4, V: 8, scale: 12 ** -0.5 },
];

/** Several times what the caches of large GPUs hold. */
const uncached = 2 ** 28;

/** Decode steps of attention over caches of keys and values, tied heads and latents (absorbed), with one query and with four. */
export function latentCases(scale: Scale): KernelCase[] {
  const one = (size: CachedAttention): KernelCase =>
    cachedCase(size, Math.max(2, Math.min(32, Math.ceil(uncached / (4 * size.B * size.S * widthOf(size))))));
  if (scale === 'dry')
    return tiny.flatMap((heads) => [1, 2].map((n) => cachedCase({ ...heads, B: 2, n, S: 20, H: 2 }, 2)));
  const rows = (B: number, H: number, contexts: readonly number[]): KernelCase[] =>
    contexts.flatMap((S) => mechanisms.flatMap((heads) => [1, 4].map((n) => one({ ...heads, B, n, S, H }))));
  if (scale === 'quick') return rows(1, 32, [2048, 65_536]);
  return [
    ...rows(1, 32, [2048, 16_384, 65_536]),
    ...rows(1, 128, [2048, 16_384, 65_536]),
    ...rows(8, 32, [2048, 16_384]),
  ];
}
