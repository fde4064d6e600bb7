import { TesseraError } from '@tessera/tensor-core';
import type { TesseraErrorOptions } from '@tessera/tensor-core';

/** Something that every mixer has to do, as a check that any test runner can run. */
export interface Law {
  /** A sentence, fit for the name of a test. */
  readonly name: string;
  /** Rejects with a {@link LawError} when the mixer breaks the law. */
  run(): Promise<void>;
}

/** A mixer breaks a law. Code `LAW`; `facts` say where and what. */
export class LawError extends TesseraError {
  constructor(message: string, options?: TesseraErrorOptions) {
    super('LAW', message, options);
  }
}
