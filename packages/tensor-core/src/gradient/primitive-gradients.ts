import type { Op } from '../op.ts';
import { afterOp } from '../primitives/after.ts';
import { binaryOp, castOp, unaryOp, whereOp } from '../primitives/elementwise.ts';
import { cumsumOp, gatherOp, scatterOp, sortOp } from '../primitives/index-ops.ts';
import { matmulOp } from '../primitives/matmul.ts';
import { reduceOp } from '../primitives/reduce.ts';
import { scanOp } from '../primitives/scan.ts';
import { broadcastOp, concatOp, padOp, permuteOp, reshapeOp, sliceOp } from '../primitives/view.ts';
import { binaryGradient, castGradient, unaryGradient, whereGradient } from './elementwise-gradients.ts';
import type { GradientRule } from './gradient-rule.ts';
import { cumsumGradient, gatherGradient, scatterGradient, sortGradient } from './index-gradients.ts';
import { matmulGradient, reduceGradient } from './reduce-gradients.ts';
import { recomputeGradient, recomputeOp } from './recompute.ts';
import { scanGradient } from './scan-gradient.ts';
import {
  broadcastGradient,
  concatGradient,
  padGradient,
  permuteGradient,
  reshapeGradient,
  sliceGradient,
} from './view-gradients.ts';

const rules: readonly (readonly [Pick<Op, 'id'>, GradientRule])[] = [
  [unaryOp, unaryGradient],
  [binaryOp, binaryGradient],
  [whereOp, whereGradient],
  [castOp, castGradient],
  [reduceOp, reduceGradient],
  [matmulOp, matmulGradient],
  [reshapeOp, reshapeGradient],
  [permuteOp, permuteGradient],
  [broadcastOp, broadcastGradient],
  [sliceOp, sliceGradient],
  [padOp, padGradient],
  [concatOp, concatGradient],
  [gatherOp, gatherGradient],
  [scatterOp, scatterGradient],
  [cumsumOp, cumsumGradient],
  [sortOp, sortGradient],
  [scanOp, scanGradient],
  [afterOp, ({ cotangents }) => [cotangents[0]]],
  [recomputeOp, recomputeGradient],
];

/** Rules of primitives. Comparisons, counting, random words and {@link stopGradientOp} let nothing through. */
export const primitiveGradients: ReadonlyMap<string, GradientRule> = new Map(rules.map(([{ id }, rule]) => [id, rule]));
