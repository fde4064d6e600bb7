import { inductionStudy } from './induction.ts';
import type { Study } from './study.ts';

/** Options of studies, as they were typed. */
export interface StudyOptions {
  readonly steps?: string | undefined;
  readonly model?: readonly string[] | undefined;
  readonly text?: readonly string[] | undefined;
  readonly held?: string | undefined;
  readonly stream?: string | undefined;
  readonly seen?: string | undefined;
  readonly every?: string | undefined;
}

/** What a command line has to say for a {@link Study}. */
export const studyOptions = {
  model: { type: 'string', multiple: true },
  text: { type: 'string', multiple: true },
  held: { type: 'string' },
  stream: { type: 'string' },
  seen: { type: 'string' },
  every: { type: 'string' },
} as const;

/** Studies by name. */
export const studies: Readonly<Record<string, (options: StudyOptions) => Study>> = {
  induction: () => inductionStudy(),
};

/** How they are used. */
export const studyUsage = `experiment induction [--seeds=0,1,2]

induction             one untrained layer over one-hot tokens, in the second copy of a random sequence`;
