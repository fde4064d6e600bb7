import type { LoopComparison, LoopTimes } from '../bench/loop-comparison.ts';
import { number, table, time } from './text.ts';

function cells(times: LoopTimes | undefined): string[] {
  if (!times) return ['—', '—', '—', '—'];
  return [time(times.token), time(times.loop), time(times.chunks), `${number(times.ratio)} ×`];
}

/** Chunks against the loop, by both clocks. */
export function loopTable(comparisons: readonly LoopComparison[]): string {
  const clocks = ['GPU', 'wall'].flatMap((clock) =>
    ['a token', 'loop', 'chunks', 'loop : chunks'].map((column) => `${column}, ${clock}`),
  );
  return [
    'The loop is what decoding does: a run of one captured program a token, whose state the next run takes over in place; 256 runs a submit. The time of ' +
      'one token, median over thousands of them, is multiplied by the tokens of the row. It goes forward only, also beside chunks that go backward too.',
    table(
      ['chunks', ...clocks],
      comparisons.map(({ shape, gpu, wall }) => [shape, ...cells(gpu), ...cells(wall)]),
    ),
  ].join('\n\n');
}
