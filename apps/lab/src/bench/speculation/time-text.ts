import type { Model, TokenDecoder } from '@tessera/assembler';
import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import type { Round } from './watched-rounds.ts';
import { watchedRounds } from './watched-rounds.ts';

/** A text, and how fast it came. */
export interface TimedText {
  readonly ids: readonly number[];
  /** From when the first tokens were there: reading the prompt is not in it. */
  readonly tokensPerSecond: number;
}

/** A text that came in rounds. */
export interface TimedRounds extends TimedText {
  /** Those after the first, which waits for the prompt. */
  readonly rounds: readonly Round[];
}

/** What is written. */
export interface TextCall {
  readonly model: Model;
  readonly prompt: readonly number[];
  readonly tokens: number;
}

/** Greedy tokens one by one, as an application reads them. */
export async function timePlain(call: TextCall): Promise<TimedText> {
  const { ids, first, last } = await read(call);
  return { ids, tokensPerSecond: (1000 * (ids.length - 1)) / (last - first) };
}

/** Greedy tokens of a decoder that speculates. */
export async function timeSpeculative(
  call: TextCall,
  decoder: TokenDecoder,
  device: WebGpuDevice,
): Promise<TimedRounds> {
  const watched = watchedRounds(decoder, device);
  const { ids, last } = await read(call, watched.decoder);
  const [first, ...rounds] = watched.rounds;
  return { ids, tokensPerSecond: (1000 * (ids.length - first!.tokens)) / (last - first!.at), rounds };
}

async function read(
  { model, prompt, tokens }: TextCall,
  decoder?: TokenDecoder,
): Promise<{ ids: readonly number[]; first: number; last: number }> {
  const ids: number[] = [];
  let [first, last] = [0, 0];
  const options = { temperature: 0, maxNewTokens: tokens, ignoreEos: true, decoder };
  for await (const event of model.stream(prompt, options)) {
    if (event.type !== 'token') continue;
    last = performance.now();
    if (ids.length === 0) first = last;
    ids.push(event.tokenId);
  }
  return { ids, first, last };
}
