import type { HostFigures } from '../bench/host.ts';
import { table, time, timeSpread } from './text.ts';

/** What the host and the way to the GPU cost. */
export function hostTable(host: HostFigures): string {
  return table(
    ['', 'time'],
    [
      ['recording one more dispatch, by slope', time(host.encodePerDispatch)],
      ['recording a program without its dispatches, by slope', time(host.encodePerRun)],
      ['one more dependent dispatch until it is done, by slope', time(host.wallPerDispatch)],
      [
        'a dispatch that does nothing, by timestamps',
        host.emptyDispatch ? timeSpread(host.emptyDispatch) : 'no exact timestamps',
      ],
      ['submit', timeSpread(host.submit)],
      ['four bytes back from an idle device', timeSpread(host.idleReadback)],
    ],
  );
}
