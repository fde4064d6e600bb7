import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { Targets } from './choose-modules.ts';

/** A new adapter. */
export interface LoraOptions {
  /** Rank of each change. @defaultValue 8 */
  readonly rank?: number | undefined;
  /** Changes are scaled by alpha / rank, or by alpha / √rank with `rslora`. @defaultValue the rank, and so a scale of 1 */
  readonly alpha?: number | undefined;
  /** @defaultValue false @see Kalajdzievski 2023, arXiv:2312.03732. */
  readonly rslora?: boolean | undefined;
  /** Which linear maps. @defaultValue 'all-linear' */
  readonly targets?: Targets | undefined;
  /** From which A is drawn. @defaultValue 0 */
  readonly seed?: number | undefined;
}

/** Rank and size of the changes of an adapter; other ones of some modules by patterns of their names, as PEFT has them. */
export interface LoraSettings {
  readonly rank: number;
  readonly alpha: number;
  readonly rslora: boolean;
  /** Ranks by pattern. */
  readonly rankPattern: Readonly<Record<string, number>>;
  /** Alphas by pattern. */
  readonly alphaPattern: Readonly<Record<string, number>>;
}

/** Options with their defaults. */
export interface CheckedOptions extends LoraSettings {
  readonly targets: Targets;
  readonly seed: number;
}

const names = ['rank', 'alpha', 'rslora', 'targets', 'seed'];

/** @throws {@link UnsupportedOptionError} naming an option that is unknown or out of range */
export function checkLoraOptions(given: LoraOptions): CheckedOptions {
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) throw wrong(unknown, given[unknown as keyof LoraOptions], `one of ${names.join(', ')}`);
  const { rank = 8, rslora = false, targets = 'all-linear', seed = 0 } = given;
  const { alpha = rank } = given;
  if (!Number.isSafeInteger(rank) || rank < 1) throw wrong('rank', rank, 'a whole number from 1');
  if (!Number.isFinite(alpha) || alpha <= 0) throw wrong('alpha', alpha, 'a number above 0');
  if (typeof rslora !== 'boolean') throw wrong('rslora', rslora, 'true or false');
  if (!Number.isSafeInteger(seed) || seed < 0) throw wrong('seed', seed, 'a whole number from 0');
  const list = Array.isArray(targets) && targets.length > 0 && targets.every((target) => typeof target === 'string');
  if (!list && (typeof targets !== 'string' || targets === ''))
    throw wrong('targets', targets, 'a list of names, a regular expression, or "all-linear"');
  return { rank, alpha, rslora, targets, seed, rankPattern: {}, alphaPattern: {} };
}

/** Rank and scale of the change of one module. */
export function sizeOfChange(
  settings: LoraSettings,
  module: string,
): { readonly rank: number; readonly scale: number } {
  const of = (patterns: Readonly<Record<string, number>>): number | undefined =>
    Object.entries(patterns).find(([pattern]) => new RegExp(`^(?:.*\\.)?(?:${pattern})$`, 'u').test(module))?.[1];
  const rank = of(settings.rankPattern) ?? settings.rank;
  const alpha = of(settings.alphaPattern) ?? settings.alpha;
  return { rank, scale: alpha / (settings.rslora ? Math.sqrt(rank) : rank) };
}

function wrong(option: string, value: unknown, expected: string): UnsupportedOptionError {
  return new UnsupportedOptionError(
    `lora: ${option} is ${JSON.stringify(value) ?? String(value)}, expected ${expected}.`,
    {
      facts: { option, value },
    },
  );
}
