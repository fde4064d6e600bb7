import type { Slot } from './slot.ts';

/** What a program does, in order. */
export type Step =
  | {
      readonly kind: 'dispatch';
      readonly label: string;
      readonly source: string;
      readonly grid: readonly [number, number, number];
      readonly slots: readonly Slot[];
    }
  | { readonly kind: 'repeat'; readonly times: number; readonly steps: readonly Step[] };
