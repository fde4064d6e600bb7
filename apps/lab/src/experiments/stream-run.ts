import { basename } from 'node:path';
import type { Assembler } from '@tessera/assembler';
import { createAssembler } from '@tessera/assembler';
import type { SinkCacheOptions } from '@tessera/streaming-sinks';
import { sinkCache } from '@tessera/streaming-sinks';
import { plugins } from './mixers.ts';
import { meanLoss, streamedLoss } from './streamed-loss.ts';
import type { StreamedLoss } from './streamed-loss.ts';
import type { StreamText } from './streamed-tokens.ts';
import { streamedTokens } from './streamed-tokens.ts';
import type { StudyCall } from './study.ts';

/** What is streamed, and through what. */
export interface StreamSetting extends StreamText {
  /** Folders of checkpoints. */
  readonly models: readonly string[];
  /** Tokens of the stream that are predicted. */
  readonly count: number;
  /** Tokens that each token sees, sinks and itself among them. */
  readonly seen: number;
}

/** Loads what streams. */
export const streamAssembler: Assembler = createAssembler({ plugins });

/** The tokens of a setting in the vocabulary of one of its models, and the one that follows the last of them. */
export async function tokensOf(
  directory: string,
  setting: StreamSetting,
  { device, signal }: StudyCall,
): Promise<number[]> {
  await using model = await streamAssembler.load(directory, { device, signal, precompile: false });
  return await streamedTokens(model, setting, setting.count + 1);
}

/** A stream through one model under one policy. */
export async function streamThrough(
  directory: string,
  tokens: readonly number[],
  policy: SinkCacheOptions,
  { device, signal }: StudyCall,
): Promise<StreamedLoss> {
  await using model = await streamAssembler.load(directory, {
    device,
    signal,
    precompile: false,
    cachePolicy: sinkCache(policy),
  });
  return await streamedLoss(model, tokens, { signal });
}

/** Name of a checkpoint in tables. */
export const nameOf = (directory: string): string => basename(directory);

/** A loss in nats as a perplexity. */
export const perplexityText = (loss: number): string => Math.exp(loss).toFixed(3);

/** Mean losses of so many parts of a stream, each at its end. */
export function alongStream(losses: ArrayLike<number>, parts: number): (readonly [number, number])[] {
  return Array.from({ length: parts }, (_, part) => {
    const [from, to] = [part, part + 1].map((edge) => Math.floor((edge * losses.length) / parts)) as [number, number];
    return [to, meanLoss(losses, from, to)] as const;
  });
}
