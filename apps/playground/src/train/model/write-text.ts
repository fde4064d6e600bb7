import type { Model } from '@tessera/assembler';
import { StopWatch } from '../../model/stop-watch.ts';
import type { Tell } from '../protocol.ts';
import { endId } from './published-config.ts';

/** What is to be written. */
export interface Writing {
  /** Empty: what comes at the beginning of a text. */
  readonly prompt: string;
  readonly temperature: number;
  readonly seed: number;
  /** Tokens at most; the context may leave fewer. */
  readonly most: number;
}

/** Writes with a model and tells each piece. An abort ends it within one step. */
export async function writeText(model: Model, writing: Writing, tell: Tell, signal: AbortSignal): Promise<void> {
  const { prompt, most, ...sampling } = writing;
  const { tokenizer } = model.text!; // every model here has one
  const ids = prompt === '' ? [tokenizer.eosId ?? endId] : tokenizer.encode(prompt);
  const maxNewTokens = Math.max(1, Math.min(most, model.contextLength - ids.length));
  const watch = new StopWatch();
  try {
    for await (const event of model.stream(ids, { ...sampling, topP: 0.95, maxNewTokens, signal })) {
      if (event.type === 'token') watch.token();
      tell({ type: 'text', text: event.text, speed: watch.speed() });
    }
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
  } finally {
    tell({ type: 'written' });
  }
}
