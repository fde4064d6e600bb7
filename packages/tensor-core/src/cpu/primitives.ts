import type { Attributes, Op } from '../op.ts';
import { afterOp } from '../primitives/after.ts';
import { binaryOp, castOp, compareOp, stopGradientOp, unaryOp, whereOp } from '../primitives/elementwise.ts';
import { cumsumOp, gatherOp, iotaOp, scatterOp, sortOp } from '../primitives/index-ops.ts';
import { matmulOp } from '../primitives/matmul.ts';
import { randomBitsOp } from '../primitives/random.ts';
import { reduceOp } from '../primitives/reduce.ts';
import { broadcastOp, concatOp, padOp, permuteOp, reshapeOp, sliceOp } from '../primitives/view.ts';
import { accumulated, reduced, sorted } from './along-axis.ts';
import { binary, choose, compare, convert, unary } from './elementwise.ts';
import { counted, randomWords } from './generate.ts';
import { matmulInto } from './matmul.ts';
import type { CpuPrimitive } from './primitive.ts';
import { gathered, scattered } from './rows.ts';
import { joined, padded, permuted, reshaped, same, sliced, stretched } from './views.ts';

const table = new Map<string, CpuPrimitive>();

/** The CPU's primitives by op id. Built once, on first use. */
export function cpuPrimitives(): ReadonlyMap<string, CpuPrimitive> {
  if (table.size === 0) implementAll();
  return table;
}

function implement<A extends Attributes>(op: Op<A>, run: CpuPrimitive<A>): void {
  table.set(op.id, run as CpuPrimitive);
}

function implementAll(): void {
  implement(unaryOp, unary);
  implement(binaryOp, binary);
  implement(compareOp, compare);
  implement(whereOp, choose);
  implement(castOp, convert);
  implement(stopGradientOp, same);
  implement(afterOp, same);
  implement(reshapeOp, reshaped);
  implement(permuteOp, permuted);
  implement(broadcastOp, stretched);
  implement(sliceOp, sliced);
  implement(padOp, padded);
  implement(concatOp, joined);
  implement(matmulOp, ({ inputs: [a, b], types: [type], pool, simd }) => {
    const out = pool.allocate(type!.dtype, type!.shape);
    matmulInto(out, a!, b!, simd);
    return [out];
  });
  implement(reduceOp, reduced);
  implement(gatherOp, gathered);
  implement(scatterOp, scattered);
  implement(iotaOp, counted);
  implement(cumsumOp, accumulated);
  implement(sortOp, sorted);
  implement(randomBitsOp, randomWords);
}
