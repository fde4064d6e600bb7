import { UnsupportedOptionError } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { samplingOptionNames, validateSamplingOptions } from './validate-options.ts';

describe('validateSamplingOptions', () => {
  test('passes every option in its range', () => {
    const options = {
      temperature: 0, topK: 0, topP: 0, minP: 1, typicalP: 1e-9, repetitionPenalty: 0.5, presencePenalty: -2,
      frequencyPenalty: 2, noRepeatNgramSize: 0, minNewTokens: 3, suppressTokenIds: [0, 5], logitBias: { 3: -Infinity, 4: 7 },
      logitsProcessors: [() => undefined], seed: -(2 ** 53) + 1,
    }; // prettier-ignore
    expect(Object.keys(options)).toEqual(samplingOptionNames);
    expect(validateSamplingOptions(options)).toBe(options);
    expect(validateSamplingOptions({ topK: undefined })).toEqual({ topK: undefined });
  });

  test('names the option that is not known, and those that are', () => {
    expect(() => validateSamplingOptions({ top_p: 0.5 })).toThrow(
      `sampling options: 'top_p' is not known, expected one of temperature, topK, topP, minP, typicalP, repetitionPenalty, presencePenalty, frequencyPenalty, noRepeatNgramSize, minNewTokens, suppressTokenIds, logitBias, logitsProcessors, seed. Remove it or correct its name.`,
    );
    expect(() => validateSamplingOptions({ constructor: 1 })).toThrow(UnsupportedOptionError);
  });

  const outside: [string, unknown, string][] = [
    [
      'temperature',
      -0.1,
      'temperature is -0.1, expected a finite number from 0. Give such a value, or leave temperature out.',
    ],
    ['temperature', Infinity, 'temperature is Infinity, expected a finite number from 0.'],
    ['temperature', '1', 'temperature is "1", expected a finite number from 0.'],
    ['topK', 1.5, 'topK is 1.5, expected a whole number from 0.'],
    ['topK', -1, 'topK is -1, expected a whole number from 0.'],
    ['topP', 1.01, 'topP is 1.01, expected a number from 0 to 1.'],
    ['minP', Number.NaN, 'minP is NaN, expected a number from 0 to 1.'],
    ['typicalP', 0, 'typicalP is 0, expected a number above 0, at most 1.'],
    ['repetitionPenalty', 0, 'repetitionPenalty is 0, expected a finite number above 0.'],
    ['presencePenalty', 2.5, 'presencePenalty is 2.5, expected a number from −2 to 2.'],
    ['frequencyPenalty', null, 'frequencyPenalty is null, expected a number from −2 to 2.'],
    ['noRepeatNgramSize', -2, 'noRepeatNgramSize is -2, expected a whole number from 0.'],
    ['minNewTokens', 0.5, 'minNewTokens is 0.5, expected a whole number from 0.'],
    ['suppressTokenIds', [1, -1], 'suppressTokenIds is [1,-1], expected a list of token ids.'],
    ['logitBias', { a: 1 }, 'logitBias is {"a":1}, expected a record from token ids to finite numbers or −Infinity.'],
    ['logitBias', { 1: Infinity }, 'logitBias is {"1":null}, expected a record'],
    ['logitBias', [[1, 2]], 'logitBias is [[1,2]], expected a record'],
    ['logitsProcessors', () => undefined, 'logitsProcessors is function, expected a list of functions.'],
    ['seed', 2 ** 53, 'seed is 9007199254740992, expected a whole number up to 2⁵³ − 1 in size.'],
  ];
  test.each(outside)('refuses %s = %o', (name, value, message) => {
    expect(() => validateSamplingOptions({ [name]: value })).toThrow(`sampling options: ${message}`);
  });

  test('carries the facts as fields', () => {
    let error: unknown;
    try {
      validateSamplingOptions({ topP: 2 });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({
      code: 'UNSUPPORTED_OPTION',
      facts: { where: 'sampling options', option: 'topP', expected: 'a number from 0 to 1', actual: 2 },
    });
  });
});
