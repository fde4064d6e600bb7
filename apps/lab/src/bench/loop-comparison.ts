import type { Row } from './row.ts';

/** Microseconds of one clock. */
export interface LoopTimes {
  /** Of a token of the loop. */
  readonly token: number;
  /** Of the loop over all tokens: that of one token as often. */
  readonly loop: number;
  readonly chunks: number;
  /** How many times as fast as the loop the chunks are. */
  readonly ratio: number;
}

/**
 * Linear attention by chunks against a loop over as many tokens. The loop goes forward only: beside chunks that go backward too it
 * has less to do.
 */
export interface LoopComparison {
  readonly mechanism: string;
  readonly form: 'chunks' | 'chunks, forward and backward';
  readonly tokens: number;
  /** The row of the chunks. */
  readonly shape: string;
  /** By GPU time. Undefined without exact timestamps. */
  readonly gpu: LoopTimes | undefined;
  /** By the clock. */
  readonly wall: LoopTimes;
}

/** Each measured row of chunks against the loop of its mechanism. */
export function loopComparisons(rows: readonly Row[]): LoopComparison[] {
  return rows.flatMap(({ sequence, figures, shape }) => {
    if (!sequence || sequence.form === 'loop' || !figures) return [];
    const { mechanism, form, tokens } = sequence;
    const loop = rows.find((row) => row.sequence?.form === 'loop' && row.sequence.mechanism === mechanism)?.figures;
    if (!loop) return [];
    const times = (token: number, chunks: number): LoopTimes => ({
      token,
      loop: token * tokens,
      chunks,
      ratio: (token * tokens) / chunks,
    });
    return [
      {
        mechanism,
        form,
        tokens,
        shape,
        gpu: loop.gpu && figures.gpu && times(loop.gpu.median, figures.gpu.median),
        wall: times(loop.wall.median, figures.wall.median),
      },
    ];
  });
}
