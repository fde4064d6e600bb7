import type { SamplingOptions } from '@tessera/sampling';

/** How text is generated: choice of tokens (see `@tessera/sampling`), and when to stop. */
export interface GenerateOptions extends SamplingOptions {
  /** New tokens at most. @defaultValue 256, or what the context leaves */
  readonly maxNewTokens?: number;
  /** Texts that end generation; they are not part of the result. */
  readonly stop?: string | readonly string[];
  /** Ids that end generation, beside those of the checkpoint. */
  readonly stopTokenIds?: readonly number[];
  /** Goes on past the checkpoint's end-of-sequence ids. @defaultValue false */
  readonly ignoreEos?: boolean;
  /** Log-probabilities of each chosen token and of that many of the most likely ones. @defaultValue none */
  readonly logprobs?: number;
  /** Prompt text may spell special tokens. @defaultValue false */
  readonly parseSpecial?: boolean;
  /** Beginning-of-sequence and similar tokens are added to a text prompt as the tokenizer wants it. @defaultValue false */
  readonly addSpecialTokens?: boolean;
  /** Aborts within one step; the stream rejects with `signal.reason`. */
  readonly signal?: AbortSignal;
}

/** A token with its log-probability under the model, before any processing. */
export interface TokenLogprob {
  readonly tokenId: number;
  readonly text: string;
  /** Natural logarithm. */
  readonly logprob: number;
}

/** One generated token, or the end. */
export type StreamEvent =
  | {
      readonly type: 'token';
      /** Text that is certain now; '' while a character or a possible stop text is incomplete. */
      readonly text: string;
      readonly tokenId: number;
      readonly logprob?: TokenLogprob & { readonly top: readonly TokenLogprob[] };
    }
  | {
      readonly type: 'end';
      /** Text that was held back until the end. */
      readonly text: string;
      readonly result: GenerateResult;
    };

/** What was generated. */
export interface GenerateResult {
  /** The new text. */
  readonly text: string;
  /** The prompt's ids, then the new ones. */
  readonly tokenIds: readonly number[];
  readonly newTokenIds: readonly number[];
  readonly finishReason: 'stop' | 'length';
  /** The stop text or id that ended it. */
  readonly stoppedBy?: string | number;
  readonly logprobs?: readonly (TokenLogprob & { readonly top: readonly TokenLogprob[] })[];
  readonly usage: {
    readonly promptTokens: number;
    readonly cachedTokens: number;
    readonly completionTokens: number;
    readonly draftTokens: number;
    readonly acceptedDraftTokens: number;
  };
  readonly timings: {
    readonly loadMs: number;
    readonly prefillMs: number;
    readonly decodeMs: number;
    readonly prefillTokensPerSecond: number;
    readonly decodeTokensPerSecond: number;
  };
}
