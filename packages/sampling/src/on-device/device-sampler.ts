import { UnsupportedOptionError, foldKey, fromHost } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { knownId } from '../known-id.ts';
import type { SamplingOptions } from '../sampling-options.ts';
import { temperatureOf } from '../sampling-options.ts';
import type { TokenHistory } from '../token-history.ts';
import { choiceColumns, status } from './choice.ts';
import type { DeviceSampling } from './device-sampling.ts';

/** What a program that chooses tokens is given beside logits: a tree of tensors, so that it is uploaded and freed as one. */
export interface DeviceSampler {
  /** The last choice, `[B, 3]`, i32: id, status, number of tokens chosen. Given anew by each choice. */
  readonly choice: Tensor;
  /** What is known of each token, `[B, V]`, u32, see {@link marks}. Given anew by each choice that is adjusted. */
  readonly marks: Tensor | undefined;
  readonly settings: SamplerSettings | undefined;
}

/** Options as data; they stay the same from choice to choice. Undefined: one greedy choice is as any other. */
export interface SamplerSettings {
  /** `[B, 5]`, f32: columns of {@link reals}. */
  readonly reals: Tensor;
  /** `[B, 6]`, u32: columns of {@link words}. */
  readonly words: Tensor;
  /** Added to logits, `[B, V]`, f32; only for choices that are adjusted. */
  readonly bias: Tensor | undefined;
}

/** Columns of {@link SamplerSettings.reals}. `leastLog`: log minP, what e^… of a candidate must reach. */
export const reals = { temperature: 0, leastLog: 1, repetition: 2, frequency: 3, presence: 4 } as const;

/** Columns of {@link SamplerSettings.words}. Shares are multiples of 2⁻³², and {@link wholeShare} is 1. */
export const words = { topK: 0, topP: 1, typicalP: 2, minNewTokens: 3, key0: 4, key1: 5 } as const;

/** A share that leaves everything. */
export const wholeShare = 0xffff_ffff;

/** Bits of a mark. The lower ones count how often the token was generated. */
export const marks: Readonly<Record<'inPrompt' | 'endsText' | 'forbidden', number>> = {
  inPrompt: 2 ** 31,
  endsText: 2 ** 30,
  forbidden: 2 ** 29,
};

/** One row of a batch for which a device chooses. */
export interface SamplerRow {
  /** What was generated counts. */
  readonly history: TokenHistory;
  readonly options: SamplingOptions;
}

/**
 * What a device needs for choosing the next token of each row.
 * @param sampling - what `deviceSamplingOf` says of the options of all rows
 * @throws {@link UnsupportedOptionError} when an option names an id outside the vocabulary, or a row has no token
 */
export function deviceSampler(
  rows: readonly SamplerRow[],
  { sampled, adjusted }: DeviceSampling,
  vocabSize: number,
): DeviceSampler {
  const B = rows.length;
  const choice = Int32Array.from(
    rows.flatMap(({ history: { prompt, generated } }) => [lastId(prompt, generated), status.fine, generated.length]),
  );
  const perRow = <T extends Uint32Array | Float32Array>(
    Made: { new (length: number): T },
    of: (row: SamplerRow) => ArrayLike<number>,
  ): Tensor => {
    const parts = rows.map(of);
    const width = parts[0]?.length ?? 0;
    const made = new Made(B * width);
    parts.forEach((part, b) => made.set(part, b * width));
    return fromHost(made, [B, width]);
  };
  return {
    choice: fromHost(choice, [B, choiceColumns]),
    marks: adjusted ? perRow(Uint32Array, (row) => marksOf(row, vocabSize)) : undefined,
    settings:
      sampled || adjusted
        ? {
            reals: perRow(Float32Array, ({ options }) => realsOf(options)),
            words: perRow(Uint32Array, ({ options, history }) => wordsOf(options, history.row)),
            bias: adjusted ? perRow(Float32Array, ({ options }) => biasOf(options, vocabSize)) : undefined,
          }
        : undefined,
  };
}

function lastId(prompt: ArrayLike<number>, generated: ArrayLike<number>): number {
  const id = generated.length > 0 ? generated[generated.length - 1] : prompt[prompt.length - 1];
  if (id !== undefined) return id;
  throw new UnsupportedOptionError('deviceSampler: a row has neither prompt nor text. Give it at least one token.');
}

/** Temperatures and penalties so large or small that single precision has no number for them become its last ones. */
function realsOf(options: SamplingOptions): number[] {
  const { minP = 0, repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 } = options;
  const positive = (value: number): number => Math.min(Math.max(value, 1.2e-38), 3.4e38);
  const values: Record<keyof typeof reals, number> = {
    temperature: positive(temperatureOf(options)),
    leastLog: minP > 0 ? Math.log(minP) : -3.4e38,
    repetition: positive(repetitionPenalty),
    frequency: frequencyPenalty,
    presence: presencePenalty,
  };
  return inOrder(reals, values);
}

function wordsOf(options: SamplingOptions, row: number | undefined): number[] {
  const { topK = 0, topP = 1, typicalP = 1, minNewTokens = 0, seed = 0 } = options;
  const [key0, key1] = foldKey([seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0], row ?? 0);
  const word = (value: number): number => Math.min(value, 0xffff_ffff);
  // Rounded down, so that p · n of n equal tokens is not exceeded by a rounding.
  const share = (p: number): number => (p >= 1 ? wholeShare : Math.min(Math.floor(p * 2 ** 32), wholeShare - 1));
  const values: Record<keyof typeof words, number> = {
    topK: word(topK),
    topP: temperatureOf(options) === 0 ? 0 : share(topP), // among rows that draw: one token, of equal ones the lowest id
    typicalP: share(typicalP),
    minNewTokens: word(minNewTokens),
    key0,
    key1,
  };
  return inOrder(words, values);
}

function inOrder<K extends string>(
  columns: Readonly<Record<K, number>>,
  values: Readonly<Record<K, number>>,
): number[] {
  return (Object.keys(columns) as K[]).toSorted((a, b) => columns[a] - columns[b]).map((name) => values[name]);
}

function marksOf({ history: { prompt, generated, endIds = [] }, options }: SamplerRow, V: number): Uint32Array {
  const made = new Uint32Array(V);
  // The last token is counted on the device, when the choice after it is made.
  for (let i = 0; i + 1 < generated.length; i++) made[generated[i]!]!++;
  const mark = (id: number, bit: number): void => {
    made[id] = (made[id]! | bit) >>> 0;
  };
  for (const id of Array.from(prompt)) mark(id, marks.inPrompt);
  if ((options.minNewTokens ?? 0) > 0) for (const id of endIds) mark(knownId(id, V, 'endIds'), marks.endsText);
  for (const id of options.suppressTokenIds ?? []) mark(knownId(id, V, 'suppressTokenIds'), marks.forbidden);
  for (const [id, bias] of Object.entries(options.logitBias ?? {}))
    if (bias === -Infinity) mark(knownId(Number(id), V, 'logitBias'), marks.forbidden);
  return made;
}

function biasOf({ logitBias = {} }: SamplingOptions, V: number): Float32Array {
  const made = new Float32Array(V);
  for (const [id, bias] of Object.entries(logitBias))
    if (bias !== -Infinity) made[knownId(Number(id), V, 'logitBias')] = bias;
  return made;
}
