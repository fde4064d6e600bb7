import type { Model } from '@tessera/assembler';
import type { Report, Settings } from '../protocol.ts';
import { idsOf } from './ids-of.ts';
import { StopWatch } from './stop-watch.ts';

/** Tokens of a stream without end: months of them. */
const withoutEnd = 1e9;

// #region generate
/** Continues a text and tells each piece of it. An abort ends it within one step, and nothing else does where it is endless. */
export async function generate(
  model: Model,
  prompt: string,
  settings: Settings & { readonly endless: boolean },
  signal: AbortSignal,
  tell: (report: Report) => void,
): Promise<void> {
  const { endless, ...given } = settings;
  const options = { ...given, ...(endless && { maxNewTokens: withoutEnd, ignoreEos: true }), signal };
  const watch = new StopWatch();
  try {
    for await (const event of model.stream(model.text ? prompt : idsOf(prompt), options)) {
      if (event.type === 'token') watch.token();
      const text = model.text || event.type === 'end' ? event.text : ` ${event.tokenId}`;
      tell({ type: 'text', text, speed: watch.speed(), memoryBytes: model.device.allocatedBytes });
      if (event.type === 'end') tell({ type: 'done', because: event.result.finishReason });
    }
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    tell({ type: 'done', because: 'stopped' });
  }
}
// #endregion generate
