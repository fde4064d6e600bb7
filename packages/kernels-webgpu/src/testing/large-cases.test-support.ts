import { attention, latentAttention, linearAttentionChunked, linearAttentionRecurrent, gatedExperts, gatedFeedForward, layerNorm, linear, rmsNorm, topK } from '@tessera/ops'; // prettier-ignore
import type { LinearAttentionCall } from '@tessera/ops';
import { argmax, gather, matmul, pullBack } from '@tessera/tensor-core';
import type { DType, Tensor, TensorType } from '@tessera/tensor-core';

/** A graph of a size that is compiled and never run in software. */
export interface LargeCase {
  readonly name: string;
  readonly inputs: readonly TensorType[];
  readonly build: (...inputs: Tensor[]) => readonly Tensor[];
}

const f32 = (...shape: number[]): TensorType => ({ shape, dtype: 'f32' });
const i32 = (...shape: number[]): TensorType => ({ shape, dtype: 'i32' });
const of = (dtype: DType, ...shape: number[]): TensorType => ({ shape, dtype });
const weightTypes = ['f32', 'f16', 'bf16'] as const;

interface AttentionSizes {
  readonly n: number;
  readonly S: number;
  readonly K: number;
  readonly V?: number;
  readonly B?: number;
  readonly heads?: readonly [number, number];
  readonly masked?: boolean;
  readonly window?: number;
  readonly softCap?: number;
}

function attentionCase({
  n,
  S,
  K,
  V = K,
  B = 1,
  heads: [H, G] = [32, 4],
  masked,
  ...options
}: AttentionSizes): LargeCase {
  const rest = Object.entries({ masked, ...options }).flatMap(([key, value]) => (value ? [`${key} ${value}`] : []));
  return {
    name: `attention of ${n} queries over ${S} slots, ${H}/${G} heads of ${K} and ${V}, batch ${B}${rest.map((part) => `, ${part}`).join('')}`,
    inputs: [
      f32(B, n, H, K),
      f32(B, S, G, K),
      f32(B, S, G, V),
      i32(B, n),
      i32(B, S),
      ...(masked ? [of('bool', B, n, S)] : []),
    ],
    build: (q, k, v, queryPositions, keyPositions, mask) => [
      attention({
        q: q!,
        k: k!,
        v: v!,
        queryPositions: queryPositions!,
        keyPositions: keyPositions!,
        ...(mask && { mask }),
        ...options,
      }),
    ],
  };
}

/** Attention over latents: n queries of H heads, G latents of V of which a key has K, R of the shared key, in pages where they have a size. */
function latentCase(
  n: number,
  [H, G]: readonly [number, number],
  [K, V, R]: readonly number[],
  page?: number,
): LargeCase {
  const S = 4096;
  const width = G * V! + R!;
  return {
    name: `attention of ${n} queries over latents, ${H}/${G} heads of ${K} of ${V} and ${R}${page === undefined ? '' : `, pages of ${page}`}`,
    inputs: [
      f32(1, n, H, K! + R!),
      f32(1, S, width),
      i32(1, n),
      i32(1, S),
      ...(page === undefined ? [] : [i32(1, S / page)]),
    ],
    build: (q, rows, queryPositions, keyPositions, table) => [
      latentAttention({
        q: q!,
        rows: rows!,
        groups: G,
        sharedDim: R!,
        queryPositions: queryPositions!,
        keyPositions: keyPositions!,
        table,
        pageSize: page,
        scale: 1,
      }),
    ],
  };
}

/** Every variant of linear attention: a token, and a prompt by chunks with its gradient. */
function linearAttentionCases(T: number, H: number, K: number, V: number): LargeCase[] {
  return (['none', 'scalar', 'vector'] as const).flatMap((decay) =>
    [false, true].flatMap((delta): LargeCase[] => {
      const inputs = [
        f32(1, T, H, K),
        f32(1, T, H, K),
        f32(1, T, H, V),
        f32(1, H, K, V),
        ...(decay === 'none' ? [] : [decay === 'scalar' ? f32(1, T, H) : f32(1, T, H, K)]),
        ...(delta ? [f32(1, T, H)] : []),
      ];
      const call = ([q, k, v, S, ...rest]: readonly Tensor[]): LinearAttentionCall => ({
        q: q!,
        k: k!,
        v: v!,
        S: S!,
        g: decay === 'none' ? undefined : rest[0]!,
        beta: delta ? rest.at(-1)! : undefined,
      });
      const name = `${T} entries, ${H} heads of ${K} × ${V}, ${decay} decay${delta ? ', delta rule' : ''}`;
      return [
        {
          name: `linear attention step by step, ${name}`,
          inputs,
          build: (...x) => Object.values(linearAttentionRecurrent(call(x))),
        },
        ...[32, 64].map((chunk): LargeCase => ({
          name: `linear attention by chunks of ${chunk} and its gradient, ${name}`,
          inputs,
          build(...x) {
            const { o, S } = linearAttentionChunked(call(x), { chunk });
            return [o, S, ...(pullBack([o, S], [o, S], x) as Tensor[])];
          },
        })),
      ];
    }),
  );
}

/** Experts of a layer: a token and a prompt, and the gradient of one. */
const expertCases: readonly LargeCase[] = weightTypes.flatMap((dtype) =>
  [1, 512].flatMap((n): LargeCase[] => {
    const inputs = [f32(n, 512), f32(n, 32), of(dtype, 32, 256, 512), of(dtype, 32, 256, 512), of(dtype, 32, 512, 256)];
    const made = ([x, logits, gate, up, down]: readonly Tensor[]): Tensor => {
      const experts = topK(logits!, 8);
      const weights = gather(logits!, experts, { batchDims: 1 });
      return gatedExperts({ x: x!, experts, weights, gate: gate!, up: up!, down: down!, activation: 'silu' });
    };
    const name = `${n} tokens through 8 of 32 experts, weights in ${dtype}`;
    return [
      { name, inputs, build: (...x) => [made(x)] },
      ...(n > 1
        ? [
            {
              name: `${name}, and its gradient`,
              inputs,
              build: (...x: Tensor[]) => pullBack([made(x)], [x[0]!], x) as Tensor[],
            },
          ]
        : []),
    ];
  }),
);

/** Shapes of models, and sizes at both sides of the conditions under which a kernel is taken. */
export const largeCases: readonly LargeCase[] = [
  { name: 'a product of 4096³', inputs: [f32(4096, 4096), f32(4096, 4096)], build: (a, b) => [matmul(a!, b!)] },
  ...weightTypes.flatMap((dtype) =>
    [1, 2, 3, 4, 5, 8, 16, 63, 512].map((M): LargeCase => ({
      name: `a linear layer 2048 → 5632 over ${M} rows, weights in ${dtype}`,
      inputs: [f32(M, 2048), of(dtype, 5632, 2048)],
      build: (x, w) => [linear(x!, w!)],
    })),
  ),
  ...weightTypes.flatMap((dtype) =>
    [1, 256].map((M): LargeCase => ({
      name: `a gated feed-forward of ${M} rows and the next token, weights in ${dtype}`,
      inputs: [
        f32(M, 2048),
        of(dtype, 5632, 2048),
        of(dtype, 5632, 2048),
        of(dtype, 2048, 5632),
        of(dtype, 16_000, 2048),
        f32(2048),
      ],
      build: (x, gate, up, down, head, w) => [
        argmax(
          linear(
            rmsNorm(gatedFeedForward(x!, { gate: gate!, up: up!, down: down! }, 'silu'), w!, { eps: 1e-5 }),
            head!,
          ),
          {
            axis: -1,
          },
        ),
      ],
    })),
  ),
  ...[64, 128, 256].flatMap((K) => [1, 8, 9, 512].map((n) => attentionCase({ n, S: 2048, K }))),
  attentionCase({ n: 1, S: 20_000, K: 64 }),
  latentCase(1, [16, 1], [512, 512, 64]),
  latentCase(4, [16, 2], [256, 256, 64], 1),
  latentCase(4, [32, 8], [64, 128, 64], 64),
  latentCase(4, [128, 1], [512, 512, 64]),
  latentCase(1, [32, 8], [64, 128, 64]),
  attentionCase({ n: 2, S: 128, K: 64, B: 3, masked: true }),
  attentionCase({ n: 40, S: 129, K: 64, B: 3, masked: true }),
  attentionCase({ n: 4, S: 300, K: 64, window: 128, softCap: 30 }),
  attentionCase({ n: 64, S: 300, K: 64, window: 128, softCap: 30 }),
  // Values wider than what fits into workgroup memory or divides by four.
  ...[512, 516, 30].flatMap((V) => [1, 32].map((n) => attentionCase({ n, S: 200, K: 64, V, heads: [4, 2] }))),
  ...[1, 32].map((n) => attentionCase({ n, S: 200, K: 62, heads: [8, 8] })),
  ...[4, 255, 2048, 2052, 8192, 20_001].map((n): LargeCase => ({
    name: `norms of 70000 rows, or fewer, of ${n}`,
    inputs: [f32(n > 255 ? 100 : 70_000, n), f32(n), f32(n)],
    build: (x, w, b) => [rmsNorm(x!, w!, { eps: 1e-6 }), layerNorm(x!, w!, b!, { eps: 1e-5 })],
  })),
  ...expertCases,
  ...linearAttentionCases(2048, 16, 128, 128),
  ...linearAttentionCases(130, 4, 64, 256),
  ...linearAttentionCases(64, 2, 62, 30),
];
