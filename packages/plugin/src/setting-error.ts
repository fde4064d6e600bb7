import { InvalidSpecError } from '@tessera/tensor-core';

/**
 * The error of a setting that does not fit the site of a part, such as the width of the model. Thrown by `params`, it gets the path
 * of the setting before it when a stack is assembled.
 * @param setting - its name, of a record within the settings with a dot: `rotary.dims`
 * @param message - without the name: `is 3, expected …. Set …`
 * @param facts - further facts of the error
 */
export function settingError(
  setting: string,
  message: string,
  facts: Readonly<Record<string, unknown>> = {},
): InvalidSpecError {
  return new InvalidSpecError(`${setting} ${message}.`, { facts: { ...facts, setting } });
}
