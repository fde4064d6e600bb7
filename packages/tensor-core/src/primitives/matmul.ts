import { ShapeError } from '../errors.ts';
import { bytesPerElement } from '../dtype.ts';
import type { Op } from '../op.ts';
import { broadcastShapes, showShape, sizeOf } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { apply1 } from '../tensor.ts';
import { permute, reshape, transpose } from './view.ts';

/**
 * Primitive: products of matrices, `a [batch…, M, K]` · `b [batch…, K, N]` → `[batch…, M, N]`, leading axes broadcast.
 * `a` is f32; `b` is f32 or stored in 16 bits. Accumulated in at least f32.
 */
export const matmulOp: Op<Record<never, never>> = {
  id: '@tessera/tensor-core:matmul',
  infer([a, b]) {
    if (a!.shape.length < 2 || b!.shape.length < 2)
      throw new ShapeError(`matmul: takes matrices, not ${showShape(a!.shape)} and ${showShape(b!.shape)}.`);
    if (a!.dtype !== 'f32' || !['f32', 'f16', 'bf16'].includes(b!.dtype))
      throw new ShapeError(`matmul: operands are ${a!.dtype} and ${b!.dtype}, expected f32 and f32, f16 or bf16.`);
    if (a!.shape.at(-1) !== b!.shape.at(-2))
      throw new ShapeError(
        `matmul: ${showShape(a!.shape)} · ${showShape(b!.shape)}: inner extents ${a!.shape.at(-1)} and ${b!.shape.at(-2)} differ.`,
        {
          facts: { a: a!.shape, b: b!.shape },
        },
      );
    return [
      {
        shape: [
          ...broadcastShapes(a!.shape.slice(0, -2), b!.shape.slice(0, -2), 'matmul'),
          a!.shape.at(-2)!,
          b!.shape.at(-1)!,
        ],
        dtype: 'f32',
      },
    ];
  },
  cost: ([a, b], [y]) => ({
    bytes: 4 * sizeOf(a!.shape) + bytesPerElement(b!.dtype) * sizeOf(b!.shape) + 4 * sizeOf(y!.shape),
    flops: 2 * sizeOf(y!.shape) * a!.shape.at(-1)!,
  }),
};

/** Product of matrices in the last two axes; leading axes broadcast. */
export function matmul(a: Tensor, b: Tensor): Tensor {
  return apply1(matmulOp, [a, b], {});
}

/**
 * Sum of products by subscripts, for two operands: `einsum('btd,dhk->bthk', x, w)`.
 * @throws {@link ShapeError} for subscripts that do not fit, repeat a letter within one operand, or sum over a letter of one operand only
 */
export function einsum(subscripts: string, a: Tensor, b: Tensor): Tensor {
  const match = /^([a-zA-Z]*),([a-zA-Z]*)->([a-zA-Z]*)$/.exec(subscripts.replaceAll(' ', ''));
  if (!match) throw new ShapeError(`einsum: '${subscripts}' is not of the form 'ab,bc->ac'.`);
  const [, inA, inB, out] = match as unknown as [string, string, string, string];
  const extents = new Map<string, number>();
  for (const [letters, operand] of [
    [inA, a],
    [inB, b],
  ] as const) {
    if (letters.length !== operand.rank || new Set(letters).size !== letters.length)
      throw new ShapeError(`einsum: '${letters}' does not name each axis of ${showShape(operand.shape)} once.`);
    for (const [axis, letter] of [...letters].entries()) {
      const known = extents.get(letter);
      if (known !== undefined && known !== operand.shape[axis])
        throw new ShapeError(`einsum '${subscripts}': axis ${letter} is ${known} and ${operand.shape[axis]}.`);
      extents.set(letter, operand.shape[axis]!);
    }
  }
  const both = [...inA].filter((letter) => inB.includes(letter));
  const batch = both.filter((letter) => out.includes(letter));
  const inner = both.filter((letter) => !out.includes(letter));
  const rows = [...inA].filter((letter) => !both.includes(letter));
  const columns = [...inB].filter((letter) => !both.includes(letter));
  if (
    [...rows, ...columns].some((letter) => !out.includes(letter)) ||
    new Set(out).size !== out.length ||
    out.length !== batch.length + rows.length + columns.length
  )
    throw new ShapeError(
      `einsum: '${subscripts}' sums over an axis of one operand only, or names an unknown axis. Use sum for that.`,
    );
  const size = (letters: readonly string[]): number =>
    letters.reduce((product, letter) => product * extents.get(letter)!, 1);
  const arrange = (operand: Tensor, letters: string, order: readonly string[]): Tensor =>
    permute(
      operand,
      order.map((letter) => letters.indexOf(letter)),
    );
  const shapeOf = (letters: readonly string[]): number[] => letters.map((letter) => extents.get(letter)!);
  const left = reshape(arrange(a, inA, [...batch, ...rows, ...inner]), [...shapeOf(batch), size(rows), size(inner)]);
  // Kept as [N, K] and turned by a view, since that is how weights are stored and kernels read them.
  const right = transpose(
    reshape(arrange(b, inB, [...batch, ...columns, ...inner]), [...shapeOf(batch), size(columns), size(inner)]),
  );
  const product = reshape(matmul(left, right), shapeOf([...batch, ...rows, ...columns]));
  const made = [...batch, ...rows, ...columns];
  return permute(
    product,
    [...out].map((letter) => made.indexOf(letter)),
  );
}
