import type { TokenHistory } from './token-history.ts';

/** What a {@link LogitsProcessor} is given. */
export interface LogitsProcessorCall {
  /** Logits of one row `[vocabSize]`; may be changed in place. −∞ forbids a token. */
  readonly logits: Float32Array;
  /** What the row consists of so far. */
  readonly history: TokenHistory;
}

/** Changes logits before a token is chosen: in place, or by returning as many others. */
export type LogitsProcessor = (call: LogitsProcessorCall) => Float32Array | void;

/**
 * How the next token is chosen. The order is fixed, each step seeing what the one before it left:
 *
 * 1. `repetitionPenalty`, `frequencyPenalty`, `presencePenalty`
 * 2. `logitBias`
 * 3. `suppressTokenIds`, `minNewTokens`
 * 4. `noRepeatNgramSize`
 * 5. `logitsProcessors`, in their order
 * 6. `temperature`
 * 7. `topK`, `topP`, `minP`, `typicalP`, each over what is left, renormalised
 * 8. one token by `seed`, or the most likely one
 */
export interface SamplingOptions {
  /**
   * Logits are divided by it. 0 takes the most likely token, of equal ones the lowest id.
   * @defaultValue 1 when `topK`, `topP`, `minP` or `typicalP` is given, else 0
   */
  readonly temperature?: number | undefined;
  /** Keeps the k most likely tokens, and those equal to the last of them. 0: all. @defaultValue 0 */
  readonly topK?: number | undefined;
  /**
   * Keeps the most likely tokens until their probabilities sum to it, one at least; of equal ones the lowest ids. 0 to 1.
   * @defaultValue 1
   * @see Holtzman et al. 2019, arXiv:1904.09751.
   */
  readonly topP?: number | undefined;
  /**
   * Keeps tokens at least this many times as likely as the most likely one. 0 to 1.
   * @defaultValue 0
   * @see Nguyen et al. 2024, arXiv:2407.01082.
   */
  readonly minP?: number | undefined;
  /**
   * Keeps the tokens whose surprise is nearest to the entropy until their probabilities sum to it. Above 0, to 1.
   * @defaultValue 1
   * @see Meister et al. 2022, arXiv:2202.00666.
   */
  readonly typicalP?: number | undefined;
  /**
   * Positive logits of tokens in prompt or text are divided by it, negative ones multiplied. Above 0.
   * @defaultValue 1
   * @see Keskar et al. 2019, arXiv:1909.05858, section 4.1.
   */
  readonly repetitionPenalty?: number | undefined;
  /** Subtracted once from the logits of generated tokens. −2 to 2. @defaultValue 0 */
  readonly presencePenalty?: number | undefined;
  /** Subtracted from the logits of generated tokens as often as they occurred. −2 to 2. @defaultValue 0 */
  readonly frequencyPenalty?: number | undefined;
  /** No n tokens in a row occur twice in prompt and text. 0: they may. @defaultValue 0 */
  readonly noRepeatNgramSize?: number | undefined;
  /** Tokens that end a text are forbidden before this many new ones. @defaultValue 0 */
  readonly minNewTokens?: number | undefined;
  /** Ids that are never chosen. @defaultValue none */
  readonly suppressTokenIds?: readonly number[] | undefined;
  /** Added to logits, by id. −∞ forbids a token. @defaultValue none */
  readonly logitBias?: Readonly<Record<number, number>> | undefined;
  /** Functions that change logits, called in order. @defaultValue none */
  readonly logitsProcessors?: readonly LogitsProcessor[] | undefined;
  /** Equal seeds give equal tokens. A caller that wants another text each time draws one. @defaultValue 0 */
  readonly seed?: number | undefined;
}

/** The temperature that counts: options that narrow a choice ask for one. */
export function temperatureOf({ temperature, topK, topP, minP, typicalP }: SamplingOptions): number {
  const narrowed = [topK, topP, minP, typicalP].some((option) => option !== undefined);
  return temperature ?? (narrowed ? 1 : 0);
}
