import type { Session } from '../bench/session.ts';
import type { Subject } from '../bench/subject.ts';

/** A law before it is bound to a mixer and a device. */
export interface LawSource {
  readonly name: string;
  /** Absent: for every mixer. */
  applies?(subject: Subject): boolean;
  check(session: Session): Promise<void> | void;
}

/** For mixers that can go on position by position. */
export function decodes({ mixer }: Subject): boolean {
  return mixer.decoding !== undefined;
}
