import { selectToken, topLogprobs, validateSamplingOptions } from '@tessera/sampling';
import { ContextOverflowError, UnsupportedOptionError } from '@tessera/tensor-core';
import { createStopMatcher } from '@tessera/text';
import type { Tokenizer } from '@tessera/text';
import type { Model } from '../model/model.ts';
import { endIds, optionsOfConfig } from './generation-config.ts';
import type { GenerateOptions, GenerateResult, StreamEvent, TokenLogprob } from './options.ts';
import { pause } from './pause.ts';
import { promptIds } from './prompt.ts';
import type { Prompt } from './prompt.ts';

/** Options of generation that are not about the choice of tokens. */
const ownOptions = [
  'maxNewTokens',
  'stop',
  'stopTokenIds',
  'ignoreEos',
  'logprobs',
  'parseSpecial',
  'addSpecialTokens',
  'signal',
] as const;

const defaultNewTokens = 256;

/**
 * Generates token by token.
 * @throws {@link UnsupportedOptionError} for an option that is not known or out of range
 * @throws {@link ContextOverflowError} when prompt and new tokens do not fit the model's context
 * @throws {@link NumericalError} when the model gives NaN
 */
export async function* streamTokens(
  model: Model,
  prompt: Prompt,
  given: GenerateOptions,
): AsyncGenerator<StreamEvent, void, undefined> {
  const { signal } = given;
  signal?.throwIfAborted();
  const options: GenerateOptions = { ...optionsOfConfig(model.generationConfig), ...defined(given) };
  checkOptions(options);
  const ids = await promptIds(model, prompt, options);
  const limit = newTokensOf(model, ids.length, options);
  const ends = new Set([
    ...(options.ignoreEos ? [] : endIds(model.generationConfig, model.config)),
    ...(options.stopTokenIds ?? []),
  ]);
  const sampling = samplingOf(options);
  const history = { prompt: ids, endIds: [...ends], row: 0 };
  const writer = new TextWriter(model.text?.tokenizer, options.stop);

  const started = performance.now();
  using session = await model.session({ capacity: ids.length + limit });
  let logits = await session.feed([ids], { signal, pause });
  const prefilled = performance.now();
  const generated: number[] = [];
  const logprobs: NonNullable<GenerateResult['logprobs']>[number][] = [];
  let finishReason: GenerateResult['finishReason'] = 'length';
  let stoppedBy: string | number | undefined;
  while (generated.length < limit) {
    await pause();
    signal?.throwIfAborted();
    const chosen = selectToken(logits, { ...history, generated }, sampling);
    generated.push(chosen.id);
    const logprob =
      options.logprobs === undefined
        ? undefined
        : describe(chosen, logits, options.logprobs, generated.length - 1, model.text?.tokenizer);
    if (logprob) logprobs.push(logprob);
    const ended = ends.has(chosen.id);
    const text = ended ? '' : writer.push(chosen.id);
    yield { type: 'token', text, tokenId: chosen.id, ...(logprob && { logprob }) };
    if (ended || writer.stop !== undefined) {
      finishReason = 'stop';
      stoppedBy = writer.stop ?? chosen.id;
      break;
    }
    if (generated.length < limit) logits = await session.feed([[chosen.id]], { signal });
  }
  const rest = writer.flush();
  const decodeMs = performance.now() - prefilled;
  const prefillMs = prefilled - started;
  yield {
    type: 'end',
    text: rest,
    result: {
      text: writer.text,
      tokenIds: [...ids, ...generated],
      newTokenIds: generated,
      finishReason,
      ...(stoppedBy !== undefined && { stoppedBy }),
      ...(options.logprobs !== undefined && { logprobs }),
      usage: {
        promptTokens: ids.length,
        cachedTokens: 0,
        completionTokens: generated.length,
        draftTokens: 0,
        acceptedDraftTokens: 0,
      },
      timings: {
        loadMs: model.loadMs,
        prefillMs,
        decodeMs,
        prefillTokensPerSecond: rate(ids.length, prefillMs),
        // The first token comes from the prompt's logits; each further one is a step.
        decodeTokensPerSecond: rate(Math.max(0, generated.length - 1), decodeMs),
      },
    },
  };
}

function rate(tokens: number, ms: number): number {
  return ms > 0 ? (tokens / ms) * 1000 : 0;
}

function defined(options: GenerateOptions): GenerateOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as GenerateOptions;
}

function samplingOf(options: GenerateOptions): Omit<GenerateOptions, (typeof ownOptions)[number]> {
  return Object.fromEntries(
    Object.entries(options).filter(([key]) => !ownOptions.includes(key as (typeof ownOptions)[number])),
  );
}

function checkOptions(options: GenerateOptions): void {
  validateSamplingOptions(samplingOf(options));
  const whole = (name: 'maxNewTokens' | 'logprobs', least: number): void => {
    const value = options[name];
    if (value !== undefined && !(Number.isInteger(value) && value >= least))
      throw new UnsupportedOptionError(
        `generate: ${name} is ${String(value)}, expected a whole number from ${least}.`,
        { facts: { option: name, value } },
      );
  };
  whole('maxNewTokens', 0);
  whole('logprobs', 0);
}

function newTokensOf(model: Model, promptTokens: number, { maxNewTokens }: GenerateOptions): number {
  const room = model.contextLength - promptTokens;
  if (room < (maxNewTokens ?? 1))
    throw new ContextOverflowError(
      `The prompt has ${promptTokens} tokens${maxNewTokens === undefined ? '' : ` and ${maxNewTokens} new ones are asked for`}; the context holds ${model.contextLength}. ` +
        `Shorten the prompt, ask for fewer tokens, or load the model with a larger contextLength.`,
      { facts: { promptTokens, maxNewTokens, contextLength: model.contextLength } },
    );
  return maxNewTokens ?? Math.min(defaultNewTokens, room);
}

function describe(
  chosen: { readonly id: number; readonly logprob: number },
  logits: Float32Array,
  count: number,
  step: number,
  tokenizer: Tokenizer | undefined,
): TokenLogprob & { readonly top: readonly TokenLogprob[] } {
  const named = ({ id, logprob }: { readonly id: number; readonly logprob: number }): TokenLogprob => ({
    tokenId: id,
    text: tokenizer?.decode([id], { skipSpecialTokens: false }) ?? '',
    logprob,
  });
  return { ...named(chosen), top: topLogprobs(logits, count, step).map(named) };
}

/** Ids to text that is certain, watched for stop texts. Without a tokenizer there is no text. */
class TextWriter {
  readonly #stream: ReturnType<Tokenizer['openTextStream']> | undefined;
  readonly #stops: ReturnType<typeof createStopMatcher> | undefined;
  #text = '';
  #stop: string | undefined;

  constructor(tokenizer: Tokenizer | undefined, stop: string | readonly string[] | undefined) {
    this.#stream = tokenizer?.openTextStream();
    const stops = typeof stop === 'string' ? [stop] : (stop ?? []);
    if (stops.length > 0 && !tokenizer)
      throw new UnsupportedOptionError(
        'generate: stop texts need a tokenizer, which the checkpoint does not have. Use stopTokenIds.',
      );
    this.#stops = stops.length > 0 ? createStopMatcher(stops) : undefined;
  }

  /** The text so far, without a stop text. */
  get text(): string {
    return this.#text;
  }

  /** The stop text that was completed. */
  get stop(): string | undefined {
    return this.#stop;
  }

  push(id: number): string {
    return this.#emit(this.#stream?.push(id) ?? '');
  }

  flush(): string {
    if (this.#stop !== undefined) return '';
    const last = this.#emit(this.#stream?.flush() ?? '');
    if (this.#stop !== undefined) return last;
    const held = this.#stops?.flush() ?? '';
    this.#text += held;
    return last + held;
  }

  #emit(piece: string): string {
    const step = this.#stops?.push(piece) ?? { text: piece, stopped: false };
    if (step.stopped) this.#stop ??= step.stop;
    this.#text += step.text;
    return step.text;
  }
}
