import { arrayAt, fieldError, isRecord, jsonRecord, kindOf, own, recordAt, stringAt } from '../format/field-check.ts';
import { limits } from '../tokenizer/limits.ts';

/** Most characters of a chat template; published ones have at most some ten thousand. */
export const maxTemplateLength = 262_144;

const file = 'tokenizer_config.json';

/**
 * Finds the chat template of a model: the file `chat_template.jinja` where there is one, else `chat_template` of the configuration, which is one template or
 * a list of named ones.
 *
 * @param tokenizerConfig - `tokenizer_config.json`, as text or parsed.
 * @param jinjaFile - the text of `chat_template.jinja`.
 * @param name - which one of a list; a single template answers to every name. `@defaultValue 'default'`
 * @returns the template, or undefined if the model has none (of that name).
 * @throws {@link ModelFormatError} if `chat_template` is of another form, or too long.
 */
export function chatTemplateOf(
  tokenizerConfig: string | object | undefined,
  jinjaFile?: string,
  name = 'default',
): string | undefined {
  if (jinjaFile !== undefined) return stringAt(jinjaFile, 'chat_template.jinja', 'the file', maxTemplateLength);
  if (tokenizerConfig === undefined) return undefined;
  const value = own(jsonRecord(tokenizerConfig, file, limits.json), 'chat_template');
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return stringAt(value, file, 'chat_template', maxTemplateLength);
  if (isRecord(value)) {
    const named = own(value, name);
    return named === undefined ? undefined : stringAt(named, file, `chat_template.${name}`, maxTemplateLength);
  }
  if (!Array.isArray(value))
    throw fieldError(
      file,
      'chat_template',
      `is ${kindOf(value)}, expected a template or a list of { name, template }.`,
    );
  let found: string | undefined;
  for (const [index, entry] of arrayAt(value, file, 'chat_template', limits.components).entries()) {
    const field = `chat_template[${index}]`;
    const record = recordAt(entry, file, field);
    const template = stringAt(own(record, 'template'), file, `${field}.template`, maxTemplateLength);
    if (stringAt(own(record, 'name'), file, `${field}.name`, limits.token) === name) found ??= template;
  }
  return found;
}
