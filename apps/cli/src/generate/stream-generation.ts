import type { GenerateOptions, GenerateResult, Model, StreamEvent } from '@tessera/assembler';
import type { ChatMessage } from '@tessera/text';

type TokenEvent = Extract<StreamEvent, { type: 'token' }>;

/** What came before generation was aborted, in the form of a result. */
type PartialResult = Omit<GenerateResult, 'finishReason'> & { readonly finishReason: 'aborted' };

/** What was generated, and whether it was aborted. */
export interface Generation {
  readonly result: GenerateResult | PartialResult;
  /** Why it was aborted; what came until then is in `result`. */
  readonly aborted?: { readonly reason: unknown };
}

/** Generates, hands on text as it becomes certain, and keeps what came when it is aborted. */
export async function streamGeneration(
  model: Model,
  prompt: string | readonly number[] | readonly ChatMessage[],
  options: GenerateOptions,
  onText: (text: string) => Promise<void>,
): Promise<Generation> {
  const started = performance.now();
  const tokens: TokenEvent[] = [];
  let firstToken: number | undefined;
  try {
    for await (const event of model.stream(prompt, options)) {
      await onText(event.text);
      if (event.type === 'end') return { result: event.result };
      firstToken ??= performance.now();
      tokens.push(event);
    }
    throw new Error('The stream ended without a result.');
  } catch (error) {
    if (!options.signal?.aborted) throw error;
    return { result: partialResult(model, prompt, options, tokens, started, firstToken), aborted: { reason: error } };
  }
}

function partialResult(
  model: Model,
  prompt: string | readonly number[] | readonly ChatMessage[],
  options: GenerateOptions,
  tokens: readonly TokenEvent[],
  started: number,
  firstToken: number | undefined,
): PartialResult {
  const newTokenIds = tokens.map(({ tokenId }) => tokenId);
  const promptIds =
    typeof prompt === 'string' ? encodePrompt(model, prompt, options) : prompt.filter((id) => typeof id === 'number');
  const prefillMs = (firstToken ?? performance.now()) - started;
  const decodeMs = firstToken === undefined ? 0 : performance.now() - firstToken;
  const perSecond = (count: number, ms: number): number => (ms > 0 ? (count * 1000) / ms : 0);
  return {
    text: tokens.map(({ text }) => text).join(''),
    tokenIds: [...promptIds, ...newTokenIds],
    newTokenIds,
    finishReason: 'aborted',
    ...(options.logprobs !== undefined && { logprobs: tokens.flatMap(({ logprob }) => (logprob ? [logprob] : [])) }),
    usage: {
      promptTokens: promptIds.length,
      cachedTokens: 0,
      completionTokens: tokens.length,
      draftTokens: 0,
      acceptedDraftTokens: 0,
    },
    timings: {
      loadMs: model.loadMs,
      prefillMs,
      decodeMs,
      prefillTokensPerSecond: perSecond(promptIds.length, prefillMs),
      decodeTokensPerSecond: perSecond(Math.max(0, tokens.length - 1), decodeMs),
    },
  };
}

function encodePrompt(
  model: Model,
  prompt: string,
  { parseSpecial = false, addSpecialTokens = false }: GenerateOptions,
): readonly number[] {
  return model.text?.tokenizer.encode(prompt, { parseSpecial, addSpecialTokens }) ?? [];
}
