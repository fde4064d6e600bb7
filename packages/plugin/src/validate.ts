import type { StandardSchemaV1 } from '@standard-schema/spec';
import { InvalidSpecError } from '@tessera/tensor-core';

/**
 * Reads a value by a schema.
 * @param where - path of the value in the whole, for the message
 * @throws {@link InvalidSpecError} naming the path of each thing that is wrong
 */
export function validate<T>(schema: StandardSchemaV1<unknown, T>, value: unknown, where: string): T {
  const result = schema['~standard'].validate(value);
  if (result instanceof Promise)
    throw new InvalidSpecError(`${where}: its schema answers asynchronously. Use one that answers at once.`);
  if (!result.issues) return result.value;
  const issues = result.issues.map((issue) => ({ path: pathOf(where, issue.path), message: issue.message }));
  throw new InvalidSpecError(issues.map(({ path, message }) => `${path} ${message}.`).join(' '), { facts: { issues } });
}

function pathOf(where: string, path: StandardSchemaV1.Issue['path']): string {
  return [where, ...(path ?? []).map((part) => String(typeof part === 'object' ? part.key : part))]
    .filter((part) => part !== '')
    .join('.');
}
