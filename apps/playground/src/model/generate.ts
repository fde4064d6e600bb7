import type { Model } from '@tessera/assembler';
import type { GenerateRequest, Report } from '../protocol.ts';
import { idsOf } from './ids-of.ts';
import type { Loaded } from './load-model.ts';
import { StopWatch } from './stop-watch.ts';

/** Tokens of a stream without end: months of them. */
const withoutEnd = 1e9;

// #region generate
/** Continues a text and tells each piece of it. An abort ends it within one step, and nothing else does where it is endless. */
export async function generate(
  { model, draft }: Pick<Loaded, 'model' | 'draft'>,
  { prompt, settings, endless, speculation }: Omit<GenerateRequest, 'type'>,
  signal: AbortSignal,
  tell: (report: Report) => void,
): Promise<void> {
  const watch = new StopWatch();
  const { decoder, drafts } =
    speculation === 'off' ? {} : (await import('./speculate.ts')).speculate(speculation, draft);
  const options = { ...settings, ...(endless && { maxNewTokens: withoutEnd, ignoreEos: true }), decoder, signal };
  const before = model.device.allocatedBytes;
  try {
    for await (const event of model.stream(model.text ? prompt : idsOf(prompt), options)) {
      if (event.type === 'token') watch.token();
      const origin = event.type === 'token' ? drafts?.next() : undefined;
      tell({
        type: 'text',
        text: event.type === 'token' && !model.text ? ` ${event.tokenId}` : event.text,
        kind: origin?.accepted ? 'accepted' : 'plain',
        rejected: textOf(model, origin?.rejected ?? []),
        speed: watch.speed(),
        stateBytes: model.device.allocatedBytes - before,
        drafts: drafts?.counts,
      });
      if (event.type === 'end') tell({ type: 'done', because: event.result.finishReason });
    }
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    tell({ type: 'done', because: 'stopped' });
  }
}
// #endregion generate

/** Tokens that are none of the text, as it would have shown them. */
function textOf({ text }: Model, ids: readonly number[]): string {
  return text ? text.tokenizer.decode(ids) : ids.map((id) => ` ${id}`).join('');
}
