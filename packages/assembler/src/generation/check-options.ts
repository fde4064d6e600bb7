import type { SamplingOptions } from '@tessera/sampling';
import { samplingOptionNames, validateSamplingOptions } from '@tessera/sampling';
import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { TokenDecoder } from './next-token.ts';
import type { GenerateOptions } from './options.ts';

interface Rule {
  readonly expected: string;
  fits(value: unknown): boolean;
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const count: Rule = { expected: 'a whole number from 0', fits: isCount };
const yesOrNo: Rule = { expected: 'true or false', fits: (value) => typeof value === 'boolean' };

/** Options of generation that are not about the choice of tokens. */
const rules: Readonly<Record<Exclude<keyof GenerateOptions, keyof SamplingOptions>, Rule>> = {
  maxNewTokens: count,
  stop: {
    expected: 'a text or a list of texts, none of them empty',
    fits: (value) => isText(value) || (Array.isArray(value) && value.every(isText)),
  },
  stopTokenIds: {
    expected: 'a list of token ids',
    fits: (value) => Array.isArray(value) && value.every(isCount),
  },
  ignoreEos: yesOrNo,
  logprobs: count,
  parseSpecial: yesOrNo,
  addSpecialTokens: yesOrNo,
  decoder: {
    expected: 'a decoder, such as speculative(…) makes',
    fits: (value) => typeof (value as Partial<TokenDecoder> | null)?.open === 'function',
  },
  signal: {
    expected: 'an AbortSignal',
    fits: (value) => typeof (value as Partial<AbortSignal> | null)?.throwIfAborted === 'function',
  },
};

/**
 * Checks options of generation. One that is `undefined` counts as absent.
 * @returns those among them that are about the choice of tokens
 * @throws {@link UnsupportedOptionError} for a name that is not known, and for a value out of its range
 */
export function checkOptions(options: GenerateOptions): SamplingOptions {
  const sampling: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const rule = Object.hasOwn(rules, name) ? rules[name as keyof typeof rules] : undefined;
    if (rule) {
      if (!rule.fits(value))
        throw new UnsupportedOptionError(
          `generate: ${name} is ${show(value)}, expected ${rule.expected}. Give such a value, or leave ${name} out.`,
          { facts: { option: name, value, expected: rule.expected } },
        );
    } else if ((samplingOptionNames as readonly string[]).includes(name)) sampling[name] = value;
    else {
      const known = [...Object.keys(rules), ...samplingOptionNames];
      throw new UnsupportedOptionError(
        `generate: '${name}' is not an option that is honoured. Known are ${known.join(', ')}.`,
        { facts: { option: name, value, known } },
      );
    }
  }
  return validateSamplingOptions(sampling);
}

function show(value: unknown): string {
  const shown = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? typeof value);
  return shown.length > 80 ? `${shown.slice(0, 79)}…` : shown;
}
