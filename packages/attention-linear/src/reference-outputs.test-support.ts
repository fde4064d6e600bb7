import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LinearAttentionCall, LinearAttentionResult } from '@tessera/ops';
import { deltaProduct } from '@tessera/ops';
import type { Tensor } from '@tessera/tensor-core';
import {
  add,
  at,
  broadcastTo,
  concat,
  div,
  expandDims,
  fromHost,
  mul,
  ones,
  reshape,
  slice,
  transpose,
  zeros,
} from '@tessera/tensor-core';
import type { Entries } from '@tessera/plugin';
import { resetAt } from './layer/recurrence.ts';

const repository = fileURLToPath(new URL('../../../', import.meta.url));

/** Where outputs of single ops stand that flash-linear-attention computed in float64. */
export const folders: { readonly committed: string; readonly all: string } = {
  committed: join(repository, 'apps/conformance/ops'),
  all: join(dirname(repository.replace(/\/$/, '')), 'shared/conformance/fla/ops'),
};

/** Tensors of a file by name. */
type Tensors = Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Float64Array }>>;

/** One case: an op, and what it was given and gave. */
export interface ReferenceCase {
  readonly op: string;
  readonly name: string;
  readonly tensors: Tensors;
}

/** Cases of these ops below a folder; none where it is not there. */
export function referenceCases(folder: string, ops: readonly string[]): ReferenceCase[] {
  return ops
    .filter((op) => existsSync(join(folder, op)))
    .flatMap((op) =>
      readdirSync(join(folder, op))
        .filter((file) => file.endsWith('.safetensors'))
        .map((file) => ({ op, name: `${op} ${file.slice(0, -12)}`, tensors: readTensors(join(folder, op, file)) })),
    );
}

function readTensors(path: string): Tensors {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, start)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  return Object.fromEntries(
    Object.entries(header).map(([name, { dtype, shape, data_offsets }]) => {
      const part = bytes.buffer.slice(
        bytes.byteOffset + start + data_offsets[0],
        bytes.byteOffset + start + data_offsets[1],
      );
      const data = dtype === 'I64' ? Array.from(new BigInt64Array(part), Number) : new Float32Array(part);
      return [name, { shape, data: Float64Array.from(data) }];
    }),
  );
}

/** Some entries of a case, or all: `x [B, T, …]` from one to before another, in all tensors that have T or a multiple of it. */
export function constantsOf(
  { tensors }: ReferenceCase,
  [start, stop]: readonly [number, number],
): Record<string, Tensor> {
  const T = tensors['q']!.shape[1]!;
  return Object.fromEntries(
    Object.entries(tensors)
      .filter(([name]) => !name.startsWith('out_') && name !== 'cu_seqlens')
      .map(([name, { shape, data }]) => {
        const tensor = fromHost(data, shape);
        const steps = shape[1]! / T;
        return [
          name,
          name.startsWith('initial') || name === 'g_gamma' ? tensor : slice(tensor, 1, start * steps, stop * steps),
        ];
      }),
  );
}

/** A form of the recurrence. */
export type Form = (call: LinearAttentionCall) => LinearAttentionResult;

/** An op of the library by our recurrence: `out_*` by name, with final states. Documents are kept apart where there are such. */
export function runOp(
  op: string,
  given: Record<string, Tensor>,
  form: Form,
  documents?: Entries['documents'],
): Record<string, Tensor> {
  const { q, k, v, beta } = given as Record<'q' | 'k' | 'v', Tensor> & { beta?: Tensor };
  const [B, T, , K] = q.shape as [number, number, number, number];
  const [H, V] = v.shape.slice(2) as [number, number];
  const empty = zeros([B, H, K, V]);
  const decay =
    given['g'] ?? given['gk'] ?? (given['g_gamma'] && broadcastTo(reshape(given['g_gamma'], [1, 1, H]), [B, T, H]));
  const g = resetAt(decay, documents?.begins, [B, T, H]);
  const scaled = mul(q, K ** -0.5);
  const S = given['initial_state'] ?? empty;
  if (op.startsWith('gated_delta_product')) {
    const n = k.shape[1]! / T;
    const steps = (x: Tensor): Tensor => reshape(x, [B, T, n, ...x.shape.slice(2)]);
    const made = deltaProduct(form, { q, k: steps(k), v: steps(v), beta: steps(beta!), g, S });
    return { out_o: made.o, out_final_state: made.S };
  }
  if (op !== 'linear_attn_normalized') {
    const made = form({ q: scaled, k, v, g, beta, S });
    return { out_o: made.o, out_final_state: made.S };
  }
  const z = given['initial_z'] ? transpose(given['initial_z'], 1, 2) : zeros([B, H, 1, K]);
  const whole = concat([given['initial_kv'] ?? empty, transpose(z)], 3);
  const made = form({ q: scaled, k, v: concat([v, ones([B, T, H, 1])], 3), g, S: whole });
  return {
    out_o: div(slice(made.o, 3, 0, V), add(slice(made.o, 3, V), 1e-10)),
    out_final_kv: slice(made.S, 3, 0, V),
    out_final_z: expandDims(at(made.S, 3, V), 1),
  };
}
