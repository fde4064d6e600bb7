import type { TokenHistory } from '@tessera/sampling';
import { deviceSamplingOf, selectToken, topLogprobs } from '@tessera/sampling';
import type { TokenProbability } from '@tessera/sampling';
import type { Model } from '../model/model.ts';
import type { Session } from '../model/session.ts';
import { pause } from '../pause.ts';
import type { GenerationRequest } from './request.ts';

/** A token, with what is known of it when `logprobs` was asked for. */
export interface NextToken {
  readonly id: number;
  /** The token itself, and the likeliest ones. */
  readonly logprobs?: { readonly chosen: TokenProbability; readonly top: readonly TokenProbability[] };
}

/** What became of drafts. */
export interface DraftCounts {
  /** Passes of the model in which drafts were verified, those without a draft included. */
  readonly rounds: number;
  /** Tokens that were proposed. */
  readonly drafted: number;
  /** Those of them that stayed. */
  readonly accepted: number;
}

/** Where tokens come from, one after another. */
export interface TokenSource {
  /** The next token. What came before must stand in the history. */
  next(): Promise<NextToken>;
  /** Of a source that proposes tokens: what became of them so far. */
  readonly drafts?: DraftCounts;
  /** Frees what it holds. */
  [Symbol.dispose](): void;
}

/** What a {@link TokenSource} is made of. */
export interface TokenSourceCall {
  readonly session: Session;
  readonly request: GenerationRequest;
  /** Prompt, and what was generated so far. */
  readonly history: TokenHistory;
  readonly signal: AbortSignal | undefined;
}

/** What a {@link TokenDecoder} is given: the prompt is not read yet. */
export interface TokenDecoderCall extends TokenSourceCall {
  readonly model: Model;
}

/** Another way to decode than one token after another. What it gives has to be distributed as that, or to say that it is not. */
export interface TokenDecoder {
  /** For people. */
  readonly name: string;
  /** Entries that it may read beside those of the text. */
  readonly room: number;
  /** Reads the prompt and gives a source of what follows. */
  open(call: TokenDecoderCall): Promise<TokenSource>;
}

/**
 * Reads the prompt and gives a source of what follows. A device that works beside the host chooses tokens itself, so that
 * only their ids come back. Whatever needs logits, `logprobs` for one, takes the second way: each step gives them.
 */
export function openTokens(call: TokenSourceCall): Promise<TokenSource> {
  const { session, request } = call;
  const there =
    !session.device.onHost && request.logprobs === undefined && deviceSamplingOf(request.sampling) !== undefined;
  return there ? chosenOnDevice(call) : chosenOnHost(call);
}

async function chosenOnDevice({ session, request, history, signal }: TokenSourceCall): Promise<TokenSource> {
  const { prompt, sampling, limit } = request;
  await session.read([prompt.slice(0, -1)], { signal, pause });
  signal?.throwIfAborted();
  const choices = await session.choices([{ history, options: sampling }], limit);
  return {
    next: async () => ({ id: (await choices.next())[0]! }),
    [Symbol.dispose]: () => choices.dispose(),
  };
}

async function chosenOnHost({ session, request, history, signal }: TokenSourceCall): Promise<TokenSource> {
  const { prompt, sampling, logprobs } = request;
  let logits = await session.feed([prompt], { signal, pause });
  let step = 0;
  return {
    async next() {
      const { generated } = history;
      if (generated.length > step) logits = await session.feed([[generated[step]!]], { signal });
      step = generated.length;
      await pause();
      signal?.throwIfAborted();
      const chosen = selectToken(logits, history, sampling);
      if (logprobs === undefined) return { id: chosen.id };
      return { id: chosen.id, logprobs: { chosen, top: topLogprobs(logits, logprobs, step) } };
    },
    [Symbol.dispose]() {},
  };
}
