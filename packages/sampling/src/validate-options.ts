import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { SamplingOptions } from './sampling-options.ts';

interface Rule {
  readonly expected: string;
  fits(value: unknown): boolean;
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && !Number.isNaN(value);
const isId = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isBias = (value: unknown): boolean => isNumber(value) && value < Infinity;

const count: Rule = { expected: 'a whole number from 0', fits: isId };
const share: Rule = { expected: 'a number from 0 to 1', fits: (v) => isNumber(v) && v >= 0 && v <= 1 };
const penalty: Rule = { expected: 'a number from −2 to 2', fits: (v) => isNumber(v) && Math.abs(v) <= 2 };

const rules: Readonly<Record<keyof SamplingOptions, Rule>> = {
  temperature: { expected: 'a finite number from 0', fits: (v) => isNumber(v) && v >= 0 && v < Infinity },
  topK: count,
  topP: share,
  minP: share,
  typicalP: { expected: 'a number above 0, at most 1', fits: (v) => isNumber(v) && v > 0 && v <= 1 },
  repetitionPenalty: { expected: 'a finite number above 0', fits: (v) => isNumber(v) && v > 0 && v < Infinity },
  presencePenalty: penalty,
  frequencyPenalty: penalty,
  noRepeatNgramSize: count,
  minNewTokens: count,
  suppressTokenIds: { expected: 'a list of token ids', fits: (v) => Array.isArray(v) && v.every(isId) },
  logitBias: {
    expected: 'a record from token ids to finite numbers or −Infinity',
    fits: (v) =>
      typeof v === 'object' &&
      v !== null &&
      !Array.isArray(v) &&
      Object.entries(v).every(([id, bias]) => /^\d+$/.test(id) && isId(Number(id)) && isBias(bias)),
  },
  logitsProcessors: {
    expected: 'a list of functions',
    fits: (v) => Array.isArray(v) && v.every((item) => typeof item === 'function'),
  },
  seed: { expected: 'a whole number up to 2⁵³ − 1 in size', fits: (v) => Number.isSafeInteger(v) },
};

/** The names of {@link SamplingOptions}. */
export const samplingOptionNames: readonly (keyof SamplingOptions)[] = Object.keys(rules) as (keyof SamplingOptions)[];

/**
 * Checks options that come from outside. An option that is `undefined` counts as absent.
 * @throws {@link UnsupportedOptionError} for a name that is not one of {@link samplingOptionNames}, and for a value out of its range
 */
export function validateSamplingOptions(options: object): SamplingOptions {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const rule = Object.hasOwn(rules, name) ? rules[name as keyof SamplingOptions] : undefined;
    if (!rule)
      throw new UnsupportedOptionError(
        `sampling options: '${name}' is not known, expected one of ${samplingOptionNames.join(', ')}. Remove it or correct its name.`,
        { facts: { where: 'sampling options', option: name, expected: samplingOptionNames, actual: value } },
      );
    if (!rule.fits(value))
      throw new UnsupportedOptionError(
        `sampling options: ${name} is ${show(value)}, expected ${rule.expected}. Give such a value, or leave ${name} out.`,
        { facts: { where: 'sampling options', option: name, expected: rule.expected, actual: value } },
      );
  }
  return options;
}

function show(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? typeof value);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
