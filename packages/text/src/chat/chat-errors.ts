import { TesseraError } from '@tessera/tensor-core';
import type { TesseraErrorOptions } from '@tessera/tensor-core';

/** A chat template ran longer than its time budget and was stopped. Code `TEMPLATE_TIMEOUT`. */
export class TemplateTimeoutError extends TesseraError {
  constructor(message: string, options?: TesseraErrorOptions) {
    super('TEMPLATE_TIMEOUT', message, options);
  }
}

/** A conversation that the chat template refuses, or that cannot be rendered safely. Code `CONVERSATION`. */
export class ConversationError extends TesseraError {
  constructor(message: string, options?: TesseraErrorOptions) {
    super('CONVERSATION', message, options);
  }
}
