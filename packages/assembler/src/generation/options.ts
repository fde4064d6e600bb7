import type { SamplingOptions } from '@tessera/sampling';
import type { DraftCounts, TokenDecoder } from './next-token.ts';

/** How text is generated: choice of tokens (see `@tessera/sampling`), and when to stop. */
export interface GenerateOptions extends SamplingOptions {
  /** New tokens at most. @defaultValue 256, or what the context leaves */
  readonly maxNewTokens?: number | undefined;
  /** Texts that end generation; they are not part of the result. */
  readonly stop?: string | readonly string[] | undefined;
  /** Ids that end generation, beside those of the checkpoint. */
  readonly stopTokenIds?: readonly number[] | undefined;
  /** Goes on past the checkpoint's end-of-sequence ids. @defaultValue false */
  readonly ignoreEos?: boolean | undefined;
  /** Log-probabilities of each chosen token and of that many of the most likely ones. @defaultValue none */
  readonly logprobs?: number | undefined;
  /** Prompt text may spell special tokens. @defaultValue false */
  readonly parseSpecial?: boolean | undefined;
  /** Beginning-of-sequence and similar tokens are added to a text prompt as the tokenizer wants it. @defaultValue false */
  readonly addSpecialTokens?: boolean | undefined;
  /** Another way to decode, such as `speculative` of `@tessera/decoding-speculative`. @defaultValue one token after another */
  readonly decoder?: TokenDecoder | undefined;
  /** Aborts within one step; the stream rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

/** A token with its log-probability under the model, before any processing. */
export interface TokenLogprob {
  readonly tokenId: number;
  readonly text: string;
  /** Natural logarithm. */
  readonly logprob: number;
}

/** A chosen token with the most likely ones at its place, the likeliest first. */
export interface ChosenTokenLogprob extends TokenLogprob {
  readonly top: readonly TokenLogprob[];
}

/** One generated token, or the end. */
export type StreamEvent =
  | {
      readonly type: 'token';
      /** Text that is certain now; '' while a character or a possible stop text is incomplete. */
      readonly text: string;
      readonly tokenId: number;
      readonly logprob?: ChosenTokenLogprob;
    }
  | {
      readonly type: 'end';
      /** Text that was held back until the end. */
      readonly text: string;
      readonly result: GenerateResult;
    };

/** What became of the drafts of a text. */
export interface Speculation extends DraftCounts {
  /** Part of the proposed tokens that stayed; 0 when none was proposed. */
  readonly acceptance: number;
  /** New tokens per round. */
  readonly tokensPerRound: number;
}

/** What was generated. */
export interface GenerateResult {
  /** The new text, without a stop text and special tokens. */
  readonly text: string;
  /** The prompt's ids, then the new ones. */
  readonly tokenIds: readonly number[];
  /** The new ids; an id that ended the text is the last of them. */
  readonly newTokenIds: readonly number[];
  readonly finishReason: 'stop' | 'length';
  /** The stop text or id that ended it. */
  readonly stoppedBy?: string | number;
  /** Of each new token, when `logprobs` was asked for. */
  readonly logprobs?: readonly ChosenTokenLogprob[];
  readonly usage: {
    readonly promptTokens: number;
    readonly cachedTokens: number;
    readonly completionTokens: number;
    readonly draftTokens: number;
    readonly acceptedDraftTokens: number;
  };
  /** What became of drafts, when a decoder proposed some. */
  readonly speculation?: Speculation;
  readonly timings: {
    readonly loadMs: number;
    readonly prefillMs: number;
    readonly decodeMs: number;
    readonly prefillTokensPerSecond: number;
    readonly decodeTokensPerSecond: number;
  };
}
