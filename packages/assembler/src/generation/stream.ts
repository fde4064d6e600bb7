import { selectToken, topLogprobs } from '@tessera/sampling';
import type { TokenProbability } from '@tessera/sampling';
import type { Tokenizer } from '@tessera/text';
import type { Model } from '../model/model.ts';
import { pause } from '../pause.ts';
import { checkOptions } from './check-options.ts';
import type { ChosenTokenLogprob, GenerateOptions, GenerateResult, StreamEvent, TokenLogprob } from './options.ts';
import type { Prompt } from './prompt.ts';
import { readRequest } from './request.ts';
import { TextWriter } from './text-writer.ts';

/**
 * Generates token by token.
 * @throws {@link UnsupportedOptionError} for an option that is not known or out of range
 * @throws {@link ContextOverflowError} when prompt and new tokens do not fit the model's context
 * @throws {@link NumericalError} when the model gives NaN
 */
export async function* streamTokens(
  model: Model,
  given: Prompt,
  options: GenerateOptions,
): AsyncGenerator<StreamEvent, void, undefined> {
  checkOptions(options);
  const { signal } = options;
  signal?.throwIfAborted();
  const { prompt, limit, ends, sampling, stop, logprobs } = await readRequest(model, given, options);
  const tokenizer = model.text?.tokenizer;
  const writer = new TextWriter(tokenizer, stop);
  const generated: number[] = [];
  const history = { prompt, generated, endIds: [...ends], row: 0 };
  const described: ChosenTokenLogprob[] = [];
  let stoppedBy: string | number | undefined;

  const started = performance.now();
  using session = await model.session({ capacity: roomFor(prompt.length + limit, model.contextLength) });
  let logits = await session.feed([prompt], { signal, pause });
  const prefilled = performance.now();
  while (generated.length < limit && stoppedBy === undefined) {
    await pause();
    signal?.throwIfAborted();
    const chosen = selectToken(logits, history, sampling);
    const logprob =
      logprobs === undefined ? undefined : describeChoice(chosen, logits, logprobs, generated.length, tokenizer);
    if (logprob) described.push(logprob);
    generated.push(chosen.id);
    const ended = ends.has(chosen.id);
    const text = ended ? '' : writer.push(chosen.id);
    stoppedBy = writer.stop ?? (ended ? chosen.id : undefined);
    yield { type: 'token', text, tokenId: chosen.id, ...(logprob && { logprob }) };
    if (generated.length < limit && stoppedBy === undefined) logits = await session.feed([[chosen.id]], { signal });
  }
  const rest = writer.flush();
  // What was held back may complete a stop text.
  stoppedBy ??= writer.stop;
  const prefillMs = prefilled - started;
  const decodeMs = performance.now() - prefilled;
  const result: GenerateResult = {
    text: writer.text,
    tokenIds: [...prompt, ...generated],
    newTokenIds: generated,
    finishReason: stoppedBy === undefined ? 'length' : 'stop',
    ...(stoppedBy !== undefined && { stoppedBy }),
    ...(logprobs !== undefined && { logprobs: described }),
    usage: {
      promptTokens: prompt.length,
      cachedTokens: 0,
      completionTokens: generated.length,
      draftTokens: 0,
      acceptedDraftTokens: 0,
    },
    timings: {
      loadMs: model.loadMs,
      prefillMs,
      decodeMs,
      prefillTokensPerSecond: rate(prompt.length, prefillMs),
      // The first token comes from the prompt's logits; each further one is a step.
      decodeTokensPerSecond: rate(Math.max(0, generated.length - 1), decodeMs),
    },
  };
  yield { type: 'end', text: rest, result };
}

/**
 * Capacity for so many positions. Only few sizes occur, each with its own compiled steps: a size of its own for every
 * prompt would compile them anew each time.
 */
function roomFor(positions: number, contextLength: number): number {
  return Math.min(contextLength, Math.max(64, 2 ** Math.ceil(Math.log2(positions))));
}

function rate(tokens: number, ms: number): number {
  return ms > 0 ? (tokens / ms) * 1000 : 0;
}

function describeChoice(
  chosen: TokenProbability,
  logits: Float32Array,
  count: number,
  step: number,
  tokenizer: Tokenizer | undefined,
): ChosenTokenLogprob {
  const named = ({ id, logprob }: TokenProbability): TokenLogprob => ({
    tokenId: id,
    text: tokenizer?.decode([id], { skipSpecialTokens: false }) ?? '',
    logprob,
  });
  return { ...named(chosen), top: topLogprobs(logits, count, step).map(named) };
}
