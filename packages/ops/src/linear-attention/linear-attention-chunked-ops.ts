import type { CpuKernel, GradientCall, Op, Tensor } from '@tessera/tensor-core';
import { ShapeError, apply, concat, scan, sizeOf, slice, zeros } from '@tessera/tensor-core';
import { chunkGradient } from './chunk-gradient.ts';
import { outputsOf, stateAfter, writesOf } from './chunk-step.ts';
import { fromChunks, toChunks } from './entries-by-chunk.ts';
import type { ChunkedAttributes, LinearAttentionVariant } from './linear-attention-call.ts';
import { costOfLinearAttention, inferLinearAttention, operandsOf, sizesOf } from './linear-attention-call.ts';
import { chunkedKernel } from './linear-attention-chunked.wgsl.ts';
import { gradientLoops } from './linear-attention-gradient-loops.ts';
import { gradientKernel } from './linear-attention-gradient.wgsl.ts';
import { loopsOverEntries } from './linear-attention-loops.ts';
import { chainDecays, repeatHeads, sumHeads } from './within-chunk.ts';

/** Products of matrices pay on the CPU as well; a decay for each key and pair of entries does not. */
const loops: CpuKernel<ChunkedAttributes> = {
  ...loopsOverEntries,
  when: ({ attributes }) => attributes.decay === 'vector',
};
const loopsBack: CpuKernel<ChunkedAttributes> = {
  ...gradientLoops,
  when: ({ attributes }) => attributes.decay === 'vector',
};

/**
 * Chunks that a definition goes through in one loop. A longer sequence is defined as two of half its length, the state handed over, so
 * that a device which cannot bind the states before all chunks has kernels for its parts.
 */
const mostChunks = 4;

/** The entry from which on a sequence of T is a second half, in whole chunks. */
function secondHalf(T: number, C: number): number | undefined {
  const N = Math.ceil(T / C);
  return N > mostChunks ? Math.ceil(N / 2) * C : undefined;
}

/** Operands from entry `start` to before `stop`, with another state before them. */
function operandsBetween(operands: readonly Tensor[], start: number, stop: number, S: Tensor): Tensor[] {
  return operands.map((x, index) => (index === 3 ? S : slice(x, 1, start, stop)));
}

/** Operands by chunks, queries and keys for each head. */
function chunksOf(
  operands: readonly Tensor[],
  attributes: ChunkedAttributes,
): Record<'q' | 'k' | 'v', Tensor> & Partial<Record<'g' | 'beta', Tensor>> {
  const { q, k, v, g, beta } = operandsOf(operands, attributes);
  const [H, C] = [v.shape[2]!, attributes.chunk];
  return {
    q: toChunks(repeatHeads(q, H), C),
    k: toChunks(repeatHeads(k, H), C),
    v: toChunks(v, C),
    ...(g && { g: toChunks(g, C) }),
    ...(beta && { beta: toChunks(beta, C) }),
  };
}

/** Op: linear attention by chunks. See `linearAttentionChunked`. */
export const linearAttentionChunkedOp: Op<ChunkedAttributes> = {
  id: '@tessera/ops:linear-attention-chunked',
  infer(inputs, attributes) {
    if (!Number.isInteger(attributes.chunk) || attributes.chunk < 1)
      throw new ShapeError(`linearAttentionChunked: chunk is ${attributes.chunk}, expected a whole number from 1 on.`);
    return inferLinearAttention(inputs, attributes);
  },
  definition(inputs, attributes) {
    const S0 = inputs[3]!;
    const T = inputs[2]!.shape[1]!;
    const C = attributes.chunk;
    const half = secondHalf(T, C);
    if (half !== undefined) {
      const [o1, S1] = apply(linearAttentionChunkedOp, operandsBetween(inputs, 0, half, S0), attributes);
      const [o2, S2] = apply(linearAttentionChunkedOp, operandsBetween(inputs, half, T, S1!), attributes);
      return [concat([o1!, o2!], 1), S2!];
    }
    const { carry, outputs } = scan({
      carry: { S: S0 },
      sequences: chunksOf(inputs, attributes),
      step: ({ S }, { g, ...entries }) => {
        const decays = chainDecays(C, g);
        const { written } = writesOf(entries, decays, S);
        return {
          carry: { S: stateAfter(entries, decays, S, written) },
          output: { o: outputsOf(entries, decays, S, written) },
        };
      },
    });
    return [fromChunks(outputs.o, T), carry.S];
  },
  kernels: [loops, chunkedKernel],
  gradient: (call) => gradientByChunks(call, call.attributes.chunk),
  cost: costOfLinearAttention,
};

/**
 * Op: cotangents of the operands of linear attention, by chunks. Inputs: those operands, and the cotangents of the output
 * `[B, T, H, V]` and of the last state `[B, H, K, V]`; outputs: one for each operand and of its shape, but those of queries and keys are of
 * each value head, `[B, T, H, K]`.
 *
 * Forward again, of which only the state before each chunk is kept; then from the last chunk to the first.
 */
export const linearAttentionGradientOp: Op<ChunkedAttributes> = {
  id: '@tessera/ops:linear-attention-gradient',
  infer(inputs, { decay, delta }) {
    const { B, T, H, K, V } = sizesOf(inputs);
    const perHead = [B, T, H];
    return [
      [...perHead, K],
      [...perHead, K],
      [...perHead, V],
      [B, H, K, V],
      ...(decay === 'none' ? [] : [decay === 'scalar' ? perHead : [...perHead, K]]),
      ...(delta ? [perHead] : []),
    ].map((shape) => ({ shape, dtype: 'f32' }));
  },
  definition(inputs, attributes) {
    const operands = inputs.slice(0, -2);
    const [dO, dS1] = inputs.slice(-2) as [Tensor, Tensor];
    const S0 = operands[3]!;
    const T = dO.shape[1]!;
    const C = attributes.chunk;
    const half = secondHalf(T, C);
    if (half !== undefined) {
      const first = operandsBetween(operands, 0, half, S0);
      const S = apply(linearAttentionChunkedOp, first, attributes)[1]!;
      const second = operandsBetween(operands, half, T, S);
      const later = apply(linearAttentionGradientOp, [...second, slice(dO, 1, half), dS1], attributes);
      const earlier = apply(linearAttentionGradientOp, [...first, slice(dO, 1, 0, half), later[3]!], attributes);
      return earlier.map((each, index) => (index === 3 ? each : concat([each, later[index]!], 1)));
    }
    const entries = chunksOf(operands, attributes);
    const { outputs: states } = scan({
      carry: { S: S0 },
      sequences: entries,
      step: ({ S }, { g, ...chunk }) => {
        const decays = chainDecays(C, g);
        return { carry: { S: stateAfter(chunk, decays, S, writesOf(chunk, decays, S).written) }, output: { S } };
      },
    });
    const { carry, outputs } = scan({
      carry: { dS: dS1 },
      sequences: { ...entries, S: states.S, dO: toChunks(dO, C) },
      reverse: true,
      step: ({ dS }, { g, S, dO, ...chunk }) => {
        const { dS: before, ...output } = chunkGradient({ chunk, g, S, dO, dS });
        return { carry: { dS: before }, output };
      },
    });
    const { dq, dk, dv, dg, dbeta } = outputs;
    return [
      fromChunks(dq, T),
      fromChunks(dk, T),
      fromChunks(dv, T),
      carry.dS,
      ...(dg ? [fromChunks(dg, T)] : []),
      ...(dbeta ? [fromChunks(dbeta, T)] : []),
    ];
  },
  kernels: [loopsBack, gradientKernel],
  cost(inputs, outputs, { decay, delta }) {
    const { B, T, H, K, V } = sizesOf(inputs);
    const elements = [...inputs, ...outputs].reduce((total, { shape }) => total + sizeOf(shape), 0);
    // The states again, their cotangents, and what both are read for.
    const each = 12 + (decay === 'none' ? 0 : 4) + (delta ? 8 : 0);
    return { bytes: 4 * elements, flops: B * T * H * each * K * V };
  },
};

/** Gradient of linear attention in any form of a chain, by chunks of C entries. */
export function gradientByChunks(
  { inputs, outputs, cotangents, attributes: { decay, delta } }: GradientCall<LinearAttentionVariant>,
  C: number,
): readonly (Tensor | undefined)[] {
  const P = inputs[0]!.shape[2]!;
  const given = outputs.map((output, index) => cotangents[index] ?? zeros(output.shape));
  const [dq, dk, ...rest] = apply(linearAttentionGradientOp, [...inputs, ...given], { decay, delta, chunk: C });
  return [sumHeads(dq!, P), sumHeads(dk!, P), ...rest];
}
