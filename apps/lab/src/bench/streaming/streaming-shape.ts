import type { LlamaSizes } from '../model/shape.ts';
import { shapeOf } from '../model/shape.ts';
import type { Scale } from '../scale.ts';

/** How long streams are, and what is timed of them. */
export interface StreamingShape {
  readonly sinks: number;
  readonly window: number;
  /** Positions at which tokens are timed, ascending; the first of them before anything is evicted. */
  readonly points: readonly number[];
  /** A model of random weights, and the positions up to which it is timed. */
  readonly random: { readonly name: string; readonly sizes: LlamaSizes; readonly sinks: number; readonly full: number };
  /** Tokens of a point, and of a group of them that has one time. */
  readonly tokens: number;
  readonly group: number;
}

const points: readonly number[] = [512, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 100_000];

/** What is streamed. */
export function streamingShapeOf(scale: Scale): StreamingShape {
  const { name, ...sizes } = shapeOf(scale);
  const timed = { tokens: 132, group: 16 };
  switch (scale) {
    case 'dry':
      return {
        sinks: 4,
        window: 28,
        points: [24, 96],
        random: { name, sizes, sinks: 96, full: 96 },
        tokens: 8,
        group: 4,
      };
    case 'quick':
    case 'full': {
      const most = scale === 'quick' ? { sinks: 16_000, full: 8000 } : { sinks: 100_000, full: 32_000 };
      return {
        sinks: 4,
        window: 1020,
        points: points.filter((point) => point <= most.sinks),
        random: { name, sizes: { ...sizes, maxPositions: 131_072 }, ...most },
        ...timed,
      };
    }
  }
}
