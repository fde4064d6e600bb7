import type { Model } from '@tessera/assembler';
import type { Report, Settings } from '../protocol.ts';
import { StopWatch } from './stop-watch.ts';

// #region generate
/** Continues a text and tells each piece of it. An abort ends it within one step. */
export async function generate(
  model: Model,
  prompt: string,
  settings: Settings,
  signal: AbortSignal,
  tell: (report: Report) => void,
): Promise<void> {
  const watch = new StopWatch();
  try {
    for await (const event of model.stream(prompt, { ...settings, signal })) {
      if (event.type === 'token') watch.token();
      tell({ type: 'text', text: event.text, speed: watch.speed() });
      if (event.type === 'end') tell({ type: 'done', because: event.result.finishReason });
    }
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    tell({ type: 'done', because: 'stopped' });
  }
}
// #endregion generate
