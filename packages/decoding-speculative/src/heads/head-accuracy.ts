import { pause } from '@tessera/assembler';
import type { Graph, Program, Tensor } from '@tessera/tensor-core';
import { and, argmax, cast, equal, fromHost, stack, sum, trace } from '@tessera/tensor-core';
import { headHidden, outputParams } from './head-output.ts';
import { headTargets } from './head-targets.ts';
import type { TextTensors } from './head-targets.ts';
import type { MedusaHeads } from './medusa-heads.ts';

/** Rows of a text, as a `TokenSource` of `@tessera/data` gives them. */
export interface TextRows {
  /** Ids, row after row, each of `context` + 1. */
  readonly tokens: Int32Array;
  readonly rows: number;
  readonly context: number;
  /** Document of each token. */
  readonly segments?: Int32Array | undefined;
  /** 0 for tokens that do not count. */
  readonly targets?: Int32Array | undefined;
}

const parts = ['tokens', 'segments', 'targets'] as const;
type Part = (typeof parts)[number];

/**
 * How often the likeliest token of each head is that of the text, from 0 to 1, first head first.
 * @throws {@link ShapeError} for rows that are too short for the last head
 */
export async function headAccuracy(
  heads: MedusaHeads,
  batches: Iterable<TextRows> | AsyncIterable<TextRows>,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<number[]> {
  const { device } = heads.model;
  const programs = new Map<string, Program>();
  const hits = new Float64Array(heads.config.heads);
  const counts = new Float64Array(heads.config.heads);
  try {
    for await (const batch of batches) {
      signal?.throwIfAborted();
      const given = parts.filter((name) => batch[name] !== undefined);
      const shape = [batch.rows, batch.context + 1];
      const inputs = given.map((name) => fromHost(batch[name]!, shape, 'i32'));
      const key = `${shape.join()} ${given.join()}`;
      const program = programs.get(key) ?? (await device.compile(traceHits(heads, inputs, given)));
      programs.set(key, program);
      const [made] = program.run(inputs);
      const told = await device.read(made!);
      made!.dispose();
      for (let head = 0; head < hits.length; head++) {
        hits[head]! += told[head]!;
        counts[head]! += told[hits.length + head]!;
      }
      if (device.onHost) await pause();
    }
  } finally {
    for (const program of programs.values()) program.dispose();
  }
  return Array.from(hits, (count, head) => count / Math.max(1, counts[head]!));
}

/** Hits of each head, then what it was asked for: `[2 K]`. */
function traceHits({ model, config, tensors }: MedusaHeads, inputs: readonly Tensor[], names: readonly Part[]): Graph {
  const { graph, params } = model;
  return trace(
    (...given) => {
      const batch = Object.fromEntries(names.map((name, index) => [name, given[index]!])) as unknown as TextTensors;
      const { wanted } = headTargets(graph, params, batch, config.heads);
      const hits = wanted.map(({ hidden, ids, counts }, head) => {
        const h = headHidden(tensors, config, head, hidden);
        const likeliest = argmax(graph.output(outputParams(graph, params, tensors, head), h), { axis: 2 });
        return sum(cast(and(counts, equal(likeliest, ids)), 'f32'));
      });
      return [stack([...hits, ...wanted.map(({ count }) => count)], 0)];
    },
    inputs.map(({ shape, dtype }) => ({ shape, dtype })),
  );
}
