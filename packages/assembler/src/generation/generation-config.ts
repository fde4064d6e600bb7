import { ModelFormatError, UnsupportedOptionError, isTesseraError } from '@tessera/tensor-core';
import { checkOptions } from './check-options.ts';
import { honouredFields, inertFields, neutralFields, samplingFields } from './generation-config-fields.ts';
import type { GenerateOptions } from './options.ts';

type JsonRecord = Readonly<Record<string, unknown>>;

const file = 'generation_config.json';

/**
 * Options that a checkpoint asks for. Those given by the caller win.
 * @throws {@link UnsupportedOptionError} listing every field that is not honoured
 * @throws {@link ModelFormatError} naming an option whose value is out of its range
 */
export function optionsOfConfig(config: JsonRecord | undefined): GenerateOptions {
  if (!config) return {};
  const refused = Object.entries(config).filter(
    ([key, value]) => !inertFields.has(key) && !honouredFields.has(key) && !neutralFields.get(key)?.includes(value),
  );
  if (refused.length > 0) {
    const [is, it] = refused.length === 1 ? ['is', 'it'] : ['are', 'them'];
    throw new UnsupportedOptionError(
      `${file} asks for ${refused.map(([key, value]) => `${key} = ${JSON.stringify(value)}`).join(', ')}, which ${is} not honoured. Remove ${it} from the file.`,
      { facts: { fields: Object.fromEntries(refused) } },
    );
  }
  const sampled = config['do_sample'] === true;
  const options: Record<string, unknown> = {};
  for (const [key, name] of honouredFields) {
    const value = config[key];
    if (value === undefined || value === null || (samplingFields.has(key) && !sampled)) continue;
    options[name] = value;
  }
  // What transformers fills in when it samples and nothing else is said.
  if (sampled) {
    options['temperature'] ??= 1;
    options['topK'] ??= 50;
  }
  try {
    checkOptions(options);
  } catch (cause) {
    throw isTesseraError(cause)
      ? new ModelFormatError(`${file}: ${cause.message}`, { cause, facts: cause.facts })
      : cause;
  }
  return options;
}

/**
 * `max_length`: prompt and new tokens together, unless a number of new tokens is given.
 * @throws {@link ModelFormatError} when it is no whole number
 */
export function maxLengthOfConfig(config: JsonRecord | undefined): number | undefined {
  const length = config?.['max_length'] ?? undefined;
  if (length === undefined || (Number.isSafeInteger(length) && (length as number) > 0)) return length as number;
  throw new ModelFormatError(`${file}: max_length is ${JSON.stringify(length)}, expected a whole number from 1.`, {
    facts: { field: 'max_length', value: length },
  });
}

/**
 * Ids that end a text: of `generation_config.json`, else of `config.json`.
 * @throws {@link ModelFormatError} when they are neither an id nor a list of ids
 */
export function endIds(generationConfig: JsonRecord | undefined, config: JsonRecord | undefined): readonly number[] {
  const [where, given] =
    generationConfig && 'eos_token_id' in generationConfig
      ? [file, generationConfig['eos_token_id']]
      : ['config.json', config?.['eos_token_id']];
  if (given === undefined || given === null) return [];
  const ids: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (ids.every((id): id is number => Number.isSafeInteger(id))) return ids;
  throw new ModelFormatError(
    `${where}: eos_token_id is ${JSON.stringify(given)}, expected a token id or a list of them.`,
    { facts: { field: 'eos_token_id', value: given } },
  );
}
