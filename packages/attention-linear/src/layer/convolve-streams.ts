import type { ActivationName, ConvolvedStream } from '@tessera/ops';
import { activations, causalConvolution, l2Normalize, shortConvolutions } from '@tessera/ops';
import type { Entries, PackedDocuments } from '@tessera/plugin';
import { pickRows, zeroInvalid } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import type { PartAfter } from './evolving.ts';
import {
  add,
  at,
  concat,
  equal,
  expandDims,
  gather,
  greaterEqual,
  iota,
  mul,
  reshape,
  slice,
  split,
  sum,
  transpose,
  where,
  zeros,
} from '@tessera/tensor-core';

/** One stream of a layer: queries, keys or values. */
export interface Stream extends ConvolvedStream {
  /** `[B, n, channels]`, aligned. */
  readonly x: Tensor;
  /** After the convolution. */
  readonly activation: ActivationName;
}

/** Learned taps of the convolutions over all streams, one after another. */
export interface Taps {
  /** `[C, J]`, the current entry's last. */
  readonly weight: Tensor;
  /** `[C]` */
  readonly bias?: Tensor | undefined;
}

/**
 * Streams through a depthwise causal convolution each, an activation, and for some a norm of their heads. Without taps there is no
 * convolution. A convolution sees neither the document before nor, in a tree, any node off the path.
 * @param history - what came before, `[B, J − 1, C]`
 * @returns each stream `[B, n, heads, channels / heads]`, and the last J − 1 entries that count; of a tree, those before it
 */
export function convolveStreams(
  streams: readonly Stream[],
  taps: Taps | undefined,
  history: Tensor,
  entries: Entries,
): { y: Tensor[]; history: PartAfter } {
  if (!taps) return { y: cutStreams(streams, streams.map(({ x }) => x)), history }; // prettier-ignore
  const activation = streams[0]!.activation;
  const plain = !taps.bias && !entries.documents && !entries.parents;
  const x = concat(streams.map((stream) => stream.x), 2); // prettier-ignore
  if (plain && streams.every((stream) => stream.activation === activation)) {
    const made = shortConvolutions({
      x: streams.map((stream) => stream.x),
      weight: taps.weight,
      history,
      lengths: entries.lengths,
      activation,
      streams: streams.map(({ heads, normalize }) => ({ heads, ...(normalize && { normalize }) })),
    });
    return { y: made.y, history: afterEach(made.history, { before: history, x }, entries) };
  }
  const made = convolve(x, taps, history, entries);
  const channels = streams.map((stream) => stream.x.shape[2]!);
  return {
    y: cutStreams(streams, split(made.y, 2, channels)),
    history: afterEach(made.history, { before: history, x }, entries),
  };
}

function cutStreams(streams: readonly Stream[], parts: readonly Tensor[]): Tensor[] {
  return streams.map(({ heads, activation, normalize }, i) => {
    const y = activations[activation](parts[i]!);
    const [B, n, channels] = y.shape as [number, number, number];
    const cut = reshape(y, [B, n, heads, channels / heads]);
    return normalize ? mul(l2Normalize(cut, normalize.eps), normalize.scale) : cut;
  });
}

/** A depthwise causal convolution of `x [B, n, C]` that goes on from `history [B, J − 1, C]`. */
export function convolve(x: Tensor, taps: Taps, history: Tensor, entries: Entries): { y: Tensor; history: Tensor } {
  const { lengths, documents, parents } = entries;
  const J = taps.weight.shape[1]!;
  const input = zeroInvalid(x, entries.valid);
  const whole = concat([history, input], 1); // [B, J − 1 + n, C]
  const y = parents
    ? alongPaths(whole, taps, parents)
    : documents
      ? withinDocuments(whole, taps, documents)
      : causalConvolution(input, taps.weight, history, taps.bias);
  if (parents) return { y, history };
  const last = add(expandDims(lengths, 1), expandDims(iota([J - 1]), 0)); // of `whole`, the J − 1 before entry `lengths`
  const kept = pickRows(whole, last);
  return { y, history: documents ? ofLastDocument(kept, last, documents) : kept };
}

/**
 * The history `last [B, J − 1, C]` after the entries `x [B, n, C]`, and of a draft that after each of them.
 * @param given - the history before them, and the entries
 */
export function afterEach(
  last: Tensor,
  { before, x }: { readonly before: Tensor; readonly x: Tensor },
  { draft, documents }: Entries,
): PartAfter {
  if (!draft || documents) return last;
  const [B, kept, C] = last.shape as [number, number, number];
  const n = x.shape[1]!;
  // After entry i the rows of [history | entries] from i + 1 on.
  const rows = add(add(iota([B, n, kept], 1), iota([B, n, kept], 2)), 1);
  const each = pickRows(concat([before, x], 1), reshape(rows, [B, n * kept]));
  return { last, each: reshape(each, [B, n, kept, C]) };
}

function biased(y: Tensor, { bias }: Taps): Tensor {
  return bias ? add(y, bias) : y;
}

/** Document of each row of [history | entries], `[B, J − 1 + n]`: that of the history is the first. */
function documentOfRows({ index }: PackedDocuments, kept: number): Tensor {
  return concat([zeros([index.shape[0]!, kept]), index], 1);
}

function withinDocuments(whole: Tensor, taps: Taps, documents: PackedDocuments): Tensor {
  const J = taps.weight.shape[1]!;
  const n = documents.index.shape[1]!;
  const rows = documentOfRows(documents, J - 1);
  const terms = Array.from({ length: J }, (_, j) => {
    const same = equal(slice(rows, 1, j, j + n), documents.index);
    return mul(where(expandDims(same, 2), slice(whole, 1, j, j + n), 0), at(taps.weight, 1, j));
  });
  return biased(terms.reduce((total, term) => add(total, term)), taps); // prettier-ignore
}

function ofLastDocument(kept: Tensor, rows: Tensor, documents: PackedDocuments): Tensor {
  const owner = gather(documentOfRows(documents, kept.shape[1]!), rows, { batchDims: 1 });
  return where(expandDims(equal(owner, slice(documents.index, 1, -1)), 2), kept, 0);
}

/**
 * A tap that lies d entries back reads the d-th ancestor of a node, and where the path is shorter, what came before the tree. A table
 * says which row of [zeros | history | nodes] that is.
 */
function alongPaths(whole: Tensor, taps: Taps, parents: Tensor): Tensor {
  const [B, n] = parents.shape as [number, number];
  const [C, J] = taps.weight.shape as [number, number];
  const rows = concat([zeros([B, 1, C]), whole], 1);
  // Row before each row along its path: of the zeros themselves, of the history the one before, of a root the newest of the history.
  const before = concat(
    [
      zeros([B, 1], 'i32'),
      add(zeros([B, J - 1], 'i32'), expandDims(iota([J - 1]), 0)),
      where(greaterEqual(parents, 0), add(parents, J), J - 1),
    ],
    1,
  );
  let table = expandDims(add(zeros([B, n], 'i32'), expandDims(add(iota([n]), J), 0)), 2); // the node itself
  // `jump` goes as far back as the table is wide, so that many taps take few steps.
  for (let jump = before; table.shape[2]! < J; jump = gather(jump, jump, { batchDims: 1 }))
    table = concat([gather(jump, table, { batchDims: 1 }), table], 2);
  const seen = gather(rows, slice(table, 2, -J), { batchDims: 1 }); // [B, n, J, C]
  return biased(sum(mul(seen, transpose(taps.weight)), { axis: 2 }), taps);
}
