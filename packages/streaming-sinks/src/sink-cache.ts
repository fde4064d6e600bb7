import type { CachePolicy, CacheReadCall, CacheReading } from '@tessera/plugin';
import { UnsupportedOptionError, add, expandDims, less, maximum, rem, sub, where, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/** What is kept of a stream, and how it is read. */
export interface SinkCacheOptions {
  /** First tokens of a stream that are kept for ever. 0: a plain rolling window. */
  readonly sinks: number;
  /** Recent tokens that a token sees, itself among them. */
  readonly window: number;
  /**
   * What longer steps mean. `exact`: each token of a chunk sees what it would see had the chunk come token by token. `block`: eviction goes
   * before each step as a whole, so that its tokens, what is left of the window and the sinks make no more than sinks + window; a step
   * longer than the window keeps the sinks alone before it. @defaultValue 'exact'
   */
  readonly chunks?: 'exact' | 'block';
  /**
   * Where tokens stand. `cache`: at their place in the cache, as if what was evicted had never been. `stream`: at their place in the stream,
   * for comparison. @defaultValue 'cache'
   */
  readonly positions?: 'cache' | 'stream';
}

/**
 * Cache policy for streams without end: the first `sinks` tokens stay, of the others the last `window` are seen. Slots are a head that
 * stays and a ring, so that eviction is an overwriting; memory is fixed from the start at sinks + window − 1 + the longest step.
 *
 * A token at position t stands at min(t, sinks + window − 1), a sink j at j, a recent token s at the distance t − s. Until the first
 * eviction that is the position in the stream, and nothing differs from a cache that grows.
 *
 * {@includeCode ../examples/stream.ts#stream}
 * @throws {@link UnsupportedOptionError} for a window below 1, a negative number of sinks, or a name that is not known
 * @see Xiao et al. 2023, arXiv:2309.17453, whose evaluation keeps `recent` tokens and the newest: a window of recent + 1 here.
 */
export function sinkCache(options: SinkCacheOptions): CachePolicy {
  const { sinks, window, chunks, positions } = checked(options);
  const most = sinks + window;
  return {
    name: `${sinks} sinks, window ${window}`,
    endless: true,
    slots: ({ chunk }) => most - 1 + chunk,
    slotOf: (entry, slots) =>
      sinks === 0
        ? rem(entry, slots)
        : where(less(entry, sinks), entry, add(rem(sub(entry, sinks), slots - sinks), sinks)),
    read(call) {
      checkRoom(call, most - 1, window);
      const reading = chunks === 'block' ? byBlocks(call, sinks, window) : { window, back: standingBack(call, most) };
      const back = positions === 'cache' ? reading.back : zeros(call.positions.shape, 'i32');
      return { ...reading, pinned: sinks, back };
    },
    check: ({ maxPositions, learnedPositions }) => ({
      ...(learnedPositions !== undefined && {
        refused:
          'its tokens have learned positions added to them, which are part of all that was made of them: they cannot move inside a cache. ' +
          'Stream a model with rotary positions, or none',
      }),
      ...(learnedPositions === undefined &&
        sinks >= maxPositions && {
          refused: `${sinks} sinks leave no position for a window among the ${maxPositions} that the model was made for. Keep fewer`,
        }),
      ...(most > maxPositions && {
        warning: `${sinks} sinks and a window of ${window} are more positions than the ${maxPositions} that the model was made for: read as sinks + window ≤ ${maxPositions} it stays within them.`,
      }),
    }),
  };
}

/** How far tokens of a step are back from their position in the stream: max(0, t − (most − 1)). */
function standingBack({ positions }: CacheReadCall, most: number): Tensor {
  return maximum(sub(positions, most - 1), 0);
}

/** Before a step of c tokens the window keeps its last max(0, window − c), and all of the step stands after them. */
function byBlocks(
  { positions, lengths, count }: CacheReadCall,
  sinks: number,
  window: number,
): Pick<CacheReading, 'back' | 'from'> {
  const kept = maximum(sub(window, lengths), 0);
  const from = maximum(sub(count, kept), sinks); // [B]
  const evicted = expandDims(sub(from, sinks), 1);
  return { from, back: add(zeros(positions.shape, 'i32'), evicted) };
}

function checkRoom({ positions, slots, tree }: CacheReadCall, kept: number, window: number): void {
  const n = positions.shape[1]!;
  const room = slots - kept;
  if (n > room)
    throw new UnsupportedOptionError(
      `streaming: a step of ${n} tokens does not fit the ring, which was made with room for ${room} beside what is kept. Open the session with a chunk of at least ${n}.`,
      { facts: { entries: n, room, slots } },
    );
  if (tree && n > window)
    throw new UnsupportedOptionError(
      `streaming: a tree of ${n} drafted tokens is larger than the window of ${window}, so that some of it could not see the rest. Draft at most ${window} tokens, or widen the window.`,
      { facts: { entries: n, window } },
    );
}

const names: readonly string[] = ['sinks', 'window', 'chunks', 'positions'];

function checked(options: SinkCacheOptions): Required<SinkCacheOptions> {
  const { sinks, window, chunks = 'exact', positions = 'cache' } = options;
  const refuse = (option: string, value: unknown, expected: string): never => {
    throw new UnsupportedOptionError(`sinkCache: ${option} is ${String(value)}, expected ${expected}.`, {
      facts: { option, value, expected },
    });
  };
  for (const name of Object.keys(options))
    if (!names.includes(name))
      throw new UnsupportedOptionError(`sinkCache: '${name}' is not an option. Known are ${names.join(', ')}.`, {
        facts: { option: name, known: names },
      });
  if (!Number.isSafeInteger(sinks) || sinks < 0) refuse('sinks', sinks, 'a whole number from 0');
  if (!Number.isSafeInteger(window) || window < 1)
    refuse('window', window, 'a whole number from 1: the newest token is part of the window');
  if (chunks !== 'exact' && chunks !== 'block') refuse('chunks', chunks, "'exact' or 'block'");
  if (positions !== 'cache' && positions !== 'stream') refuse('positions', positions, "'cache' or 'stream'");
  return { sinks, window, chunks, positions };
}
