import type { FileSource, StreamingSettings } from '@tessera/checkpoints';
import { readStreamingSettings } from '@tessera/checkpoints';
import { openGolden, readGreedy, readIds, readNumbers, readWholeNumbers } from './golden.ts';
import type { Golden, ReferenceTensor } from './golden.ts';

/** What a reference implementation gave for a stream of which it keeps sinks and a window. */
export interface StreamGolden extends StreamingSettings {
  /** One row. */
  readonly inputIds: readonly number[];
  /** Numbers of the tokens to which the rows of `logits` belong. */
  readonly steps: readonly number[];
  /** Token by token, `[steps, V]` */
  readonly logits: ReferenceTensor;
  /** Ends of chunks, the first of which begins at the first number; undefined where nothing was read by chunks. */
  readonly chunks: { readonly bounds: readonly number[]; readonly logits: ReferenceTensor } | undefined;
  /** Keys before their rotation and values of layers at the end of the stream, `[G, kept, d]` */
  readonly caches: ReadonlyMap<number, { readonly k: ReferenceTensor; readonly v: ReferenceTensor }>;
  readonly greedy: Golden['greedy'];
}

/** Reads a directory with a stream; undefined where it has none. */
export async function readStreamGolden(source: FileSource, signal: AbortSignal): Promise<StreamGolden | undefined> {
  const settings = await readStreamingSettings(source, { signal });
  if (!settings) return undefined;
  const reader = await openGolden(source, signal);
  try {
    const numbers = (name: string, axes: number): Promise<ReferenceTensor> => readNumbers(reader, name, axes, signal);
    const [inputIds] = await readIds(reader, 'input_ids', signal);
    const caches = new Map<number, { k: ReferenceTensor; v: ReferenceTensor }>();
    for (const name of reader.tensors.keys()) {
      const layer = /^final_cache_k(\d+)$/.exec(name)?.[1];
      if (layer !== undefined)
        caches.set(Number(layer), { k: await numbers(name, 3), v: await numbers(`final_cache_v${layer}`, 3) });
    }
    return {
      ...settings,
      inputIds: inputIds!,
      steps: await readWholeNumbers(reader, 'steps', signal),
      logits: await numbers('logits', 2),
      chunks: reader.tensors.has('chunked_logits')
        ? {
            bounds: await readWholeNumbers(reader, 'chunked_bounds', signal),
            logits: await numbers('chunked_logits', 2),
          }
        : undefined,
      caches,
      greedy: await readGreedy(reader, signal),
    };
  } finally {
    await reader.close();
  }
}
