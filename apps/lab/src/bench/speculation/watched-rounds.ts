import type { DraftCounts, TokenDecoder } from '@tessera/assembler';
import type { WebGpuDevice } from '@tessera/kernels-webgpu';

/** A round of speculation, as somebody sees it who waits for tokens. */
export interface Round {
  /** When its first token was there, milliseconds. */
  readonly at: number;
  /** Tokens that it gave. */
  tokens: number;
  readonly drafted: number;
  readonly accepted: number;
  readonly submits: number;
  readonly dispatches: number;
  readonly reads: number;
}

/** A decoder whose rounds are written down. */
export interface WatchedRounds {
  readonly decoder: TokenDecoder;
  readonly rounds: readonly Round[];
}

type Seen = Pick<WebGpuDevice['counters'], 'submits' | 'dispatches' | 'reads'>;

const seen = ({ submits, dispatches, reads }: Seen): Seen => ({ submits, dispatches, reads });

/** Hands everything on to a decoder that speculates, and sees what its rounds are and take. */
export function watchedRounds(decoder: TokenDecoder, { counters }: WebGpuDevice): WatchedRounds {
  const rounds: Round[] = [];
  return {
    rounds,
    decoder: {
      ...decoder,
      async open(call) {
        let before = seen(counters);
        const source = await decoder.open(call);
        return {
          async next() {
            const earlier = countsOf(source.drafts);
            const token = await source.next();
            const now = countsOf(source.drafts);
            if (now.rounds === earlier.rounds) rounds.at(-1)!.tokens++;
            else {
              const { submits, dispatches, reads } = seen(counters);
              rounds.push({
                at: performance.now(),
                tokens: 1,
                drafted: now.drafted - earlier.drafted,
                accepted: now.accepted - earlier.accepted,
                submits: submits - before.submits,
                dispatches: dispatches - before.dispatches,
                reads: reads - before.reads,
              });
              before = { submits, dispatches, reads };
            }
            return token;
          },
          get drafts() {
            return source.drafts!;
          },
          [Symbol.dispose]: () => source[Symbol.dispose](),
        };
      },
    },
  };
}

function countsOf(drafts: DraftCounts | undefined): DraftCounts {
  if (!drafts) throw new Error('speculation: the decoder counts no rounds.');
  return drafts;
}
