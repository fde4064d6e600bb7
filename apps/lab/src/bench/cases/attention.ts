import { attention } from '@tessera/ops';
import type { HostArray, Tensor, TensorType } from '@tessera/tensor-core';
import { fromHost } from '@tessera/tensor-core';
import type { KernelCase, Sample } from '../kernel-case.ts';
import { somePlaces } from '../kernel-case.ts';
import type { Scale } from '../scale.ts';

/** Sizes of one attention. */
interface Size {
  /** Queries, at the last positions. */
  readonly n: number;
  /** Keys. */
  readonly S: number;
  readonly H: number;
  /** Heads of keys and values. */
  readonly G: number;
  /** Size of a head. */
  readonly K: number;
  /** 0: none. */
  readonly window: number;
}

const f32 = (...shape: number[]): TensorType => ({ shape, dtype: 'f32' });

function counted(first: number, count: number): Tensor {
  return fromHost(
    Int32Array.from({ length: count }, (_, i) => first + i),
    [1, count],
  );
}

function titleOf({ n, S, H, G, K, window }: Size): string {
  return `${n} × ${S}, ${H}/${G} heads of ${K}${window > 0 ? `, window ${window}` : ''}`;
}

/** First and last key, exclusive, that the query at a position sees. */
function visible(position: number, window: number): [number, number] {
  return [window > 0 ? Math.max(0, position - window + 1) : 0, position + 1];
}

/** o_i of one head, in float64: softmax of q · k / √K over what the query sees, times v. */
function headOutput(
  q: ArrayLike<number>,
  query: number,
  [k, v]: readonly [HostArray, HostArray],
  head: number,
  position: number,
  { H, G, K, window }: Size,
): Float64Array {
  const [first, last] = visible(position, window);
  const group = Math.floor((head * G) / H);
  const scores = new Float64Array(last - first);
  for (let s = first; s < last; s++) {
    let score = 0;
    for (let d = 0; d < K; d++) score += q[query + d]! * k[(s * G + group) * K + d]!;
    scores[s - first] = score / Math.sqrt(K);
  }
  const top = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const output = new Float64Array(K);
  let mass = 0;
  for (let s = first; s < last; s++) {
    const weight = Math.exp(scores[s - first]! - top);
    mass += weight;
    for (let d = 0; d < K; d++) output[d]! += weight * v[(s * G + group) * K + d]!;
  }
  return output.map((value) => value / mass);
}

/** Pairs of a query and a key that it sees. */
function pairsOf({ n, S, window }: Size): number {
  let pairs = 0;
  for (let i = 0; i < n; i++) {
    const [first, last] = visible(S - n + i, window);
    pairs += last - first;
  }
  return pairs;
}

/** Keys that at least one query sees. */
function keysSeen({ n, S, window }: Size): number {
  return S - visible(S - n, window)[0];
}

/** Spread enough that some keys count much more than others. */
const spread = 3;

/** Causal attention of a prompt. */
function prefillCase(size: Size): KernelCase {
  const { n, S, H, G, K, window } = size;
  const types = [f32(1, n, H, K), f32(1, S, G, K), f32(1, S, G, K)];
  return {
    group: 'attention',
    shape: titleOf(size),
    dtype: 'f32',
    inputs: types.map((type, i) => ({ ...type, scale: i < 2 ? spread : 1 })),
    build: ([q, k, v]) =>
      attention({
        q: q!,
        k: k!,
        v: v!,
        queryPositions: counted(S - n, n),
        keyPositions: counted(0, S),
        window,
      }),
    units: 1,
    work: {
      bytes: 4 * (2 * n * H * K + 2 * keysSeen(size) * G * K),
      flops: 4 * pairsOf(size) * H * K,
    },
    check: ([q, k, v]) =>
      somePlaces(n * H, 24).flatMap((row) =>
        samplesOf(row * K, headOutput(q!, row * K, [k!, v!], row % H, S - n + Math.floor(row / H), size)),
      ),
    tolerance: 2e-4,
  };
}

/** One query over a cache; in a run over `units` caches, each query being the output of the last. */
function decodeCase(size: Size, units: number): KernelCase {
  const { S, H, G, K, window } = size;
  const cache = f32(1, S, G, K);
  return {
    group: 'decode',
    shape: titleOf(size),
    dtype: 'f32',
    inputs: [
      { ...f32(1, 1, H, K), scale: spread },
      ...Array.from({ length: 2 * units }, (_, i) => ({ ...cache, scale: i % 2 === 0 ? spread : 1 })),
    ],
    build: ([first, ...caches]) => {
      let q = first!;
      for (let i = 0; i < units; i++)
        q = attention({
          q,
          k: caches[2 * i]!,
          v: caches[2 * i + 1]!,
          queryPositions: counted(S - 1, 1),
          keyPositions: counted(0, S),
          window,
        });
      return q;
    },
    units,
    work: {
      bytes: 4 * (2 * H * K + 2 * keysSeen(size) * G * K),
      flops: 4 * keysSeen(size) * H * K,
    },
    check: ([first, ...caches]) =>
      somePlaces(H, 6).flatMap((head) => {
        let q = Float64Array.from((first as Float32Array).subarray(head * K, (head + 1) * K));
        for (let i = 0; i < units; i++)
          q = headOutput(q, 0, [caches[2 * i]!, caches[2 * i + 1]!], head, S - 1, size) as typeof q;
        return samplesOf(head * K, q);
      }),
    tolerance: 2e-4,
  };
}

function samplesOf(first: number, values: Float64Array): Sample[] {
  return Array.from(values, (value, i) => ({ index: first + i, value }));
}

const tiny = { H: 32, G: 4, K: 64, window: 0 };
const large = { H: 32, G: 32, K: 128, window: 0 };
const grouped = { H: 32, G: 8, K: 128, window: 0 };

/** Attention of whole prompts: heads of 64 and 128, grouped or not, with and without a window. */
export function attentionCases(scale: Scale): KernelCase[] {
  const prompt = (n: number, heads: Omit<Size, 'n' | 'S'>): KernelCase => prefillCase({ n, S: n, ...heads });
  if (scale === 'dry') return [prompt(12, { H: 2, G: 1, K: 8, window: 0 }), prompt(9, { H: 2, G: 2, K: 8, window: 4 })];
  if (scale === 'quick') return [512, 2048].map((n) => prompt(n, tiny));
  return [
    ...[512, 2048, 8192].flatMap((n) => [tiny, large].map((heads) => prompt(n, heads))),
    prompt(2048, grouped),
    prompt(8192, { H: 16, G: 16, K: 128, window: 0 }),
    prompt(8192, { ...tiny, window: 1024 }),
    prefillCase({ n: 512, S: 2048, ...tiny }),
    prefillCase({ n: 511, S: 2047, ...tiny }),
  ];
}

/** Several times what the caches of large GPUs hold. */
const uncached = 2 ** 28;

/** Attention of one query over a cache. */
export function decodeCases(scale: Scale): KernelCase[] {
  const one = (S: number, heads: Omit<Size, 'n' | 'S'>): KernelCase => {
    const bytes = 8 * S * heads.G * heads.K;
    return decodeCase({ n: 1, S, ...heads }, Math.max(2, Math.min(32, Math.ceil(uncached / bytes))));
  };
  if (scale === 'dry')
    return [
      decodeCase({ n: 1, S: 20, H: 4, G: 2, K: 8, window: 0 }, 2),
      decodeCase({ n: 1, S: 20, H: 4, G: 1, K: 8, window: 7 }, 2),
    ];
  if (scale === 'quick') return [512, 8192].map((S) => one(S, tiny));
  return [
    ...[128, 512, 2048, 8192, 32_768].flatMap((S) => [tiny, grouped].map((heads) => one(S, heads))),
    one(2048, large),
    one(32_768, { ...tiny, window: 1024 }),
    one(2047, tiny),
  ];
}
