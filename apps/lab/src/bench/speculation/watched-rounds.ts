import type { TokenDecoder } from '@tessera/assembler';
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

const counted = ['submits', 'dispatches', 'reads'] as const;

/** Hands everything on to a decoder that speculates, and sees what its rounds are and take. */
export function watchedRounds(decoder: TokenDecoder, { counters }: WebGpuDevice): WatchedRounds {
  const rounds: Round[] = [];
  return {
    rounds,
    decoder: {
      ...decoder,
      async open(call) {
        let before = { ...counters };
        const source = await decoder.open(call);
        return {
          async next() {
            const [drafted, accepted, done] = countsOf(source.drafts);
            const token = await source.next();
            const [draftedNow, acceptedNow, doneNow] = countsOf(source.drafts);
            if (doneNow === done) rounds.at(-1)!.tokens++;
            else {
              const [submits, dispatches, reads] = counted.map((name) => counters[name] - before[name]);
              before = { ...counters };
              rounds.push({
                at: performance.now(),
                tokens: 1,
                drafted: draftedNow - drafted,
                accepted: acceptedNow - accepted,
                submits: submits!,
                dispatches: dispatches!,
                reads: reads!,
              });
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

function countsOf(
  drafts: { readonly drafted: number; readonly accepted: number; readonly rounds: number } | undefined,
): [drafted: number, accepted: number, rounds: number] {
  if (!drafts) throw new Error('speculation: the decoder counts no rounds.');
  return [drafts.drafted, drafts.accepted, drafts.rounds];
}
