import { TesseraError } from '@tessera/tensor-core';
import type { TesseraErrorOptions } from '@tessera/tensor-core';

/** Texts to train on cannot be read, or do not suffice for what was asked. Code `DATA`. */
export class DataError extends TesseraError {
  constructor(message: string, options?: TesseraErrorOptions) {
    super('DATA', message, options);
  }
}
