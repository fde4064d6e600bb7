import type { LoadOptions, Model } from '@tessera/assembler';
import { keysBeforeRotation } from '@tessera/attention-softmax';
import type { AttentionConfig, KeyValueCache } from '@tessera/attention-softmax';
import type { CachePolicy } from '@tessera/plugin';
import { sinkCache } from '@tessera/streaming-sinks';
import { ModelFormatError, ShapeError, read, showShape } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import type { Difference } from './difference.ts';
import { difference, within } from './difference.ts';
import { compareGreedy } from './greedy.ts';
import type { ReferenceTensor } from './golden.ts';
import type { StreamGolden } from './stream-golden.ts';
import { StreamRun } from './stream-run.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { referenceTolerance } from './tolerances.ts';
import type { Verdict } from './verdict.ts';

/** How a stream compares with its reference. */
export interface StreamComparison {
  /** Logits token by token. */
  readonly steps: Difference;
  /** Logits of chunks. */
  readonly chunks?: Difference;
  /** Keys before their rotation, and values, of all layers that the reference tells. */
  readonly finalCache?: Difference;
}

/**
 * Compares a stream: token by token, by chunks, what is kept at the end, and greedy decoding where the reference has it.
 * @param load - loads the model under a policy
 */
export async function verifyStream(
  golden: StreamGolden,
  load: (cachePolicy: NonNullable<LoadOptions['cachePolicy']>) => Promise<Model>,
  { signal, stderr }: Pick<Terminal, 'signal' | 'stderr'>,
): Promise<Partial<Verdict>> {
  const { chunks, greedy } = golden;
  let stream: StreamComparison;
  let greedyEqual: boolean | null = null;
  const where: { device?: string; adapter?: string } = {};
  const model = await load(steppedPolicy(golden));
  try {
    Object.assign(where, { device: model.device.kind, adapter: model.device.name });
    stream = await compareSteps(model, golden, signal);
    for (const text of greedy ?? []) {
      const tie = referenceTolerance * stream.steps.maxAbsReference;
      const { equal, remarks } = await compareGreedy(model, text, tie, signal);
      greedyEqual = (greedyEqual ?? true) && equal;
      for (const remark of remarks) stderr.write(`greedy, ${remark}\n`);
    }
  } finally {
    await model.dispose();
  }
  if (chunks) {
    const blocks = await load(chunkedPolicy(golden));
    try {
      stream = { ...stream, chunks: await compareChunks(blocks, golden, chunks, signal) };
    } finally {
      await blocks.dispose();
    }
  }
  const differences = [stream.steps, stream.chunks, stream.finalCache].filter((each) => each !== undefined);
  const pass = differences.every((each) => within(each, referenceTolerance)) && greedyEqual !== false;
  return { ...where, ...worst(differences), stream, greedyEqual, pass };
}

/**
 * The policy under which a stream is compared token by token. The reference sees `recentSize` past tokens and the newest; our window
 * counts the newest.
 */
function steppedPolicy({ startSize, recentSize }: StreamGolden): CachePolicy {
  return sinkCache({ sinks: startSize, window: recentSize + 1 });
}

/** The policy of chunks: before each, room is made for it within `startSize + recentSize`. */
function chunkedPolicy({ startSize, recentSize }: StreamGolden): CachePolicy {
  return sinkCache({ sinks: startSize, window: recentSize, chunks: 'block' });
}

/**
 * Reads the stream token by token, and compares logits and what is in the cache at the end.
 * @param model - loaded under {@link steppedPolicy}
 */
async function compareSteps(
  model: Model,
  golden: StreamGolden,
  signal: AbortSignal,
): Promise<Pick<StreamComparison, 'steps' | 'finalCache'>> {
  const { inputIds, steps, logits, caches } = golden;
  const V = model.spec.vocabSize;
  checkShape('logits', logits, [steps.length, V]);
  const ours = new Float32Array(steps.length * V);
  const run = new StreamRun(model, 1);
  try {
    for (const [at, id] of inputIds.entries()) {
      signal.throwIfAborted();
      const made = await run.step([id]);
      steps.forEach((step, row) => step === at && ours.set(made, row * V));
    }
    const differences: Difference[] = [];
    for (const [layer, reference] of caches)
      differences.push(
        ...(await compareCache(model, run.stateOf(layer) as unknown as KeyValueCache, layer, reference, golden)),
      );
    return {
      steps: difference(ours, logits.values),
      ...(differences.length > 0 && { finalCache: worst(differences) }),
    };
  } finally {
    run.dispose();
  }
}

/**
 * Reads the beginning of the stream by chunks.
 * @param model - loaded under {@link chunkedPolicy}
 */
async function compareChunks(
  model: Model,
  { inputIds }: StreamGolden,
  { bounds, logits }: NonNullable<StreamGolden['chunks']>,
  signal: AbortSignal,
): Promise<Difference> {
  checkShape('chunked_logits', logits, [bounds.at(-1)! - bounds[0]!, model.spec.vocabSize]);
  const chunks = bounds.slice(1).map((end, index) => inputIds.slice(bounds[index], end));
  const run = new StreamRun(model, Math.max(1, ...chunks.map(({ length }) => length)));
  const ours: number[] = [];
  try {
    for (const chunk of chunks) {
      signal.throwIfAborted();
      if (chunk.length > 0) ours.push(...(await run.step(chunk)));
    }
  } finally {
    run.dispose();
  }
  return difference(ours, logits.values);
}

/** The worst of several, by its relative size. */
function worst(differences: readonly Difference[]): Difference {
  return differences.reduce((most, each) => (each.relative <= most.relative ? most : each));
}

/** Keys and values that the reference keeps after the last token: the first ones, and the last `recentSize`. */
async function compareCache(
  { device, spec }: Model,
  state: KeyValueCache,
  layer: number,
  reference: { readonly k: ReferenceTensor; readonly v: ReferenceTensor },
  { startSize, recentSize, inputIds: { length } }: StreamGolden,
): Promise<Difference[]> {
  const config = spec.layers[layer]?.mixer?.config as AttentionConfig | undefined;
  if (!config) throw new ModelFormatError(`golden.safetensors: final_cache_k${layer} is of a layer without attention.`);
  const held = await read(state.positions, device);
  const slotOf = new Map(Array.from(held, (position, slot) => [position, slot]));
  const kept = Array.from({ length }, (_, at) => at).filter((at) => at < startSize || at >= length - recentSize);
  const [, S, G, d] = state.k.shape as [number, number, number, number];
  const compare = async (name: string, given: Tensor, { values, shape }: ReferenceTensor): Promise<Difference> => {
    checkShape(name, { values, shape }, [G, kept.length, d]);
    const elements = await read(given, device);
    const ours = kept.flatMap((at) => {
      const slot = slotOf.get(at);
      return Array.from({ length: G * d }, (_, e) => (slot === undefined ? Number.NaN : elements[slot * G * d + e]!));
    });
    // The reference has heads first.
    const byHead = Float32Array.from(ours, (_, place) => {
      const [g, rest] = [Math.floor(place / (kept.length * d)), place % (kept.length * d)];
      return ours[(Math.floor(rest / d) * G + g) * d + (rest % d)]!;
    });
    return difference(byHead, values);
  };
  if (kept.length <= S)
    return [
      await compare(`final_cache_k${layer}`, keysBeforeRotation(state, config), reference.k),
      await compare(`final_cache_v${layer}`, state.v, reference.v),
    ];
  throw new ShapeError(
    `final_cache_k${layer}: the reference keeps ${kept.length} tokens, and our cache has ${S} slots.`,
  );
}

function checkShape(name: string, { shape }: ReferenceTensor, expected: readonly number[]): void {
  if (shape.length === expected.length && shape.every((size, axis) => size === expected[axis])) return;
  throw new ShapeError(`${name} of the reference has shape ${showShape(shape)}, expected ${showShape(expected)}.`);
}
