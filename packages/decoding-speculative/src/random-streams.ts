import { uniformOf } from '@tessera/sampling';
import type { Uniforms } from './acceptance/accept-candidates.ts';

/** Rows of their own draw the drafts, so that what is proposed and what is tested are independent. */
const draftRows = 2 ** 30;

/** Which position of which row. */
export interface Position {
  readonly seed: number;
  /** Number of the token in the text, from 0. */
  readonly step: number;
  readonly row?: number | undefined;
}

/** Numbers that decide about a position; number 0 is that of plain decoding. */
export function testNumbers({ seed, step, row }: Position): Uniforms {
  return (draw) => uniformOf({ seed, step, row, draw });
}

/** Numbers that draw what is proposed for a position. One that is proposed anew, since nothing looked at it, may take the same. */
export function draftNumbers({ row = 0, ...position }: Position): Uniforms {
  return testNumbers({ ...position, row: draftRows + row });
}
