import type { Writable } from 'node:stream';
import { isTesseraError } from '@tessera/tensor-core';

/** The stable identifier of an error: its `code`, which system errors have as well. */
export function codeOf(error: unknown): string {
  if (isTesseraError(error)) return error.code;
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'UNEXPECTED';
}

/** The code of an error with the name of its class. */
export function kindOf(error: unknown): string {
  const { name } = error as { readonly name?: unknown };
  return isTesseraError(error) && typeof name === 'string' ? `${error.code} (${name})` : codeOf(error);
}

/** The sentence of an error. */
export function messageOf(error: unknown): string {
  return error instanceof Error || isTesseraError(error) ? error.message : String(error);
}

/** Writes `tessera <command>: message` and the code; the stack only for those who ask with `DEBUG=tessera`. */
export function reportError(stderr: Writable, command: string, error: unknown): void {
  const code = codeOf(error);
  stderr.write(`tessera ${command}: ${messageOf(error)}\ncode: ${kindOf(error)}\n`);
  if (process.env['DEBUG'] === 'tessera') stderr.write(`${(error as Partial<Error> | null)?.stack ?? ''}\n`);
  else if (code === 'UNEXPECTED') stderr.write('This was not expected. DEBUG=tessera shows where it happened.\n');
}
