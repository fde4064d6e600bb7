import type { TokenProbability } from '@tessera/sampling';
import type { Tokenizer } from '@tessera/text';
import type { Model } from '../model/model.ts';
import { capacityFor } from './capacity.ts';
import { checkOptions } from './check-options.ts';
import { openTokens } from './next-token.ts';
import type { DraftCounts, NextToken } from './next-token.ts';
import type {
  ChosenTokenLogprob,
  GenerateOptions,
  GenerateResult,
  Speculation,
  StreamEvent,
  TokenLogprob,
} from './options.ts';
import type { Prompt } from './prompt.ts';
import { readRequest } from './request.ts';
import { TextWriter } from './text-writer.ts';

/**
 * Generates token by token.
 * @throws {@link UnsupportedOptionError} for an option that is not known or out of range
 * @throws {@link ContextOverflowError} when prompt and new tokens do not fit the model's context
 * @throws {@link NumericalError} when the model gives NaN
 * @throws {@link DeviceLostError} when the device is lost
 */
export async function* streamTokens(
  model: Model,
  given: Prompt,
  options: GenerateOptions,
): AsyncGenerator<StreamEvent, void, undefined> {
  checkOptions(options);
  const { signal, decoder } = options;
  signal?.throwIfAborted();
  const request = await readRequest(model, given, options);
  const { prompt, limit, ends, stop, logprobs } = request;
  const tokenizer = model.text?.tokenizer;
  const writer = new TextWriter(tokenizer, stop);
  const generated: number[] = [];
  const history = { prompt, generated, endIds: [...ends], row: 0 };
  const described: ChosenTokenLogprob[] = [];
  let stoppedBy: string | number | undefined;

  const started = performance.now();
  using session = await model.session({
    capacity: capacityFor(prompt.length + limit + (decoder?.room ?? 0), model.contextLength, model.device),
  });
  const call = { session, request, history, signal };
  using tokens = await (decoder ? decoder.open({ ...call, model }) : openTokens(call));
  let prefilled = performance.now();
  while (generated.length < limit && stoppedBy === undefined) {
    signal?.throwIfAborted();
    const { id, logprobs: known } = await tokens.next();
    signal?.throwIfAborted();
    if (generated.length === 0) prefilled = performance.now();
    const logprob = known && describeChoice(known, tokenizer);
    if (logprob) described.push(logprob);
    generated.push(id);
    const ended = ends.has(id);
    const text = ended ? '' : writer.push(id);
    stoppedBy = writer.stop ?? (ended ? id : undefined);
    yield { type: 'token', text, tokenId: id, ...(logprob && { logprob }) };
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
      draftTokens: tokens.drafts?.drafted ?? 0,
      acceptedDraftTokens: tokens.drafts?.accepted ?? 0,
    },
    ...(tokens.drafts && { speculation: speculationOf(tokens.drafts, generated.length) }),
    timings: {
      loadMs: model.loadMs,
      prefillMs,
      decodeMs,
      prefillTokensPerSecond: rate(prompt.length, prefillMs),
      // The first token comes with the prompt; each further one is a step.
      decodeTokensPerSecond: rate(Math.max(0, generated.length - 1), decodeMs),
    },
  };
  yield { type: 'end', text: rest, result };
}

function speculationOf(drafts: DraftCounts, tokens: number): Speculation {
  const { rounds, drafted, accepted } = drafts;
  return {
    rounds,
    drafted,
    accepted,
    acceptance: drafted > 0 ? accepted / drafted : 0,
    tokensPerRound: rounds > 0 ? tokens / rounds : 0,
  };
}

function rate(tokens: number, ms: number): number {
  return ms > 0 ? (tokens / ms) * 1000 : 0;
}

function describeChoice(
  { chosen, top }: NonNullable<NextToken['logprobs']>,
  tokenizer: Tokenizer | undefined,
): ChosenTokenLogprob {
  const named = ({ id, logprob }: TokenProbability): TokenLogprob => ({
    tokenId: id,
    text: tokenizer?.decode([id], { skipSpecialTokens: false }) ?? '',
    logprob,
  });
  return { ...named(chosen), top: top.map(named) };
}
