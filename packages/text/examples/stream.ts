import { createStopMatcher, createTextStream } from '@tessera/text';
import type { Tokenizer } from '@tessera/text';

/** Shows text while it is generated, up to a stop string. */
export function stream(tokenizer: Tokenizer, ids: Iterable<number>, show: (text: string) => void): void {
  // #region stream
  const text = createTextStream(tokenizer);
  const stops = createStopMatcher(['\nROMEO:']);
  let stopped = false;
  for (const id of ids) {
    const step = stops.push(text.push(id));
    show(step.text);
    stopped = step.stopped;
    if (stopped) break;
  }
  if (!stopped) show(stops.push(text.flush()).text + stops.flush());
  // #endregion stream
}
