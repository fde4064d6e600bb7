import type { SamplingOptions } from '@tessera/sampling';
import { ContextOverflowError } from '@tessera/tensor-core';
import type { Model } from '../model/model.ts';
import { isEndless } from './capacity.ts';
import { checkOptions } from './check-options.ts';
import { endIds, maxLengthOfConfig, optionsOfConfig } from './generation-config.ts';
import type { GenerateOptions } from './options.ts';
import { promptIds } from './prompt.ts';
import type { Prompt } from './prompt.ts';

/** A request for generation whose options were checked. */
export interface GenerationRequest {
  /** Ids of the prompt. */
  readonly prompt: readonly number[];
  /** New tokens at most. */
  readonly limit: number;
  /** Ids that end the text. */
  readonly ends: ReadonlySet<number>;
  readonly sampling: SamplingOptions;
  readonly stop: string | readonly string[] | undefined;
  /** How many log-probabilities of each token are wanted. */
  readonly logprobs: number | undefined;
}

const defaultNewTokens = 256;

/** Reads what a caller, whose options were checked, and a checkpoint ask for; the caller wins. */
export async function readRequest(model: Model, prompt: Prompt, given: GenerateOptions): Promise<GenerationRequest> {
  const options = { ...optionsOfConfig(model.generationConfig), ...withoutUndefined(given) };
  const sampling = checkOptions(options);
  const { stopTokenIds = [], ignoreEos = false, stop, logprobs } = options;
  model.checkIds(stopTokenIds, 'stopTokenIds');
  // A checkpoint may name an id that no token has; nothing ever ends there.
  const ownEnds = endIds(model.generationConfig, model.config).filter((id) => id >= 0 && id < model.spec.vocabSize);
  const ids = await promptIds(model, prompt, options);
  return {
    prompt: ids,
    limit: newTokensOf(model, ids.length, options.maxNewTokens),
    ends: new Set([...(ignoreEos ? [] : ownEnds), ...stopTokenIds]),
    sampling,
    stop,
    logprobs,
  };
}

function withoutUndefined(options: GenerateOptions): GenerateOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** @throws {@link ContextOverflowError} with the numbers when they do not fit */
function newTokensOf(model: Model, promptTokens: number, maxNewTokens: number | undefined): number {
  const { contextLength } = model;
  const facts = { promptTokens, maxNewTokens, contextLength };
  const room = isEndless(model.graph.resolved) ? Infinity : contextLength - promptTokens;
  if (room < (maxNewTokens ?? 1))
    throw new ContextOverflowError(
      `The prompt has ${promptTokens} tokens${maxNewTokens === undefined ? '' : ` and ${maxNewTokens} new ones are asked for`}; the context holds ${contextLength}. ` +
        `Shorten the prompt, ask for fewer tokens, or load the model with a larger contextLength.`,
      { facts },
    );
  if (maxNewTokens !== undefined) return maxNewTokens;
  const maxLength = maxLengthOfConfig(model.generationConfig);
  if (maxLength !== undefined && maxLength <= promptTokens)
    throw new ContextOverflowError(
      `The prompt has ${promptTokens} tokens, and generation_config.json ends texts at max_length = ${maxLength}. Set maxNewTokens.`,
      { facts: { ...facts, maxLength } },
    );
  return Math.min(maxLength === undefined ? defaultNewTokens : maxLength - promptTokens, room);
}
