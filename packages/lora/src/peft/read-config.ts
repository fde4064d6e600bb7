import type { FileSource } from '@tessera/checkpoints';
import { readJson } from '@tessera/checkpoints';
import { ModelFormatError, UnsupportedOptionError } from '@tessera/tensor-core';
import type { LoraSettings } from '../lora-settings.ts';
import type { Targets } from '../choose-modules.ts';
import { configFile } from './file-names.ts';

/** What `adapter_config.json` says. */
export interface AdapterConfig {
  readonly settings: LoraSettings;
  readonly targets: Targets;
  /** True when targets are narrowed by other fields, so that not all that they name have to be in the file. */
  readonly narrowed: boolean;
}

/** Fields that say where an adapter comes from, or how it is to be trained: nothing of what it computes. */
const inert = new Set([
  'auto_mapping',
  'base_model_name_or_path',
  'revision',
  'task_type',
  'inference_mode',
  'peft_version',
  'lora_dropout',
  'eva_config',
  'megatron_core',
  'qalora_group_size',
  'runtime_config',
  // Whether a weight is stored [in, out] follows from the module, there as here.
  'fan_in_fan_out',
]);

/** Fields that are read. */
const honoured = new Set([
  'peft_type',
  'r',
  'lora_alpha',
  'use_rslora',
  'rank_pattern',
  'alpha_pattern',
  'target_modules',
  'exclude_modules',
  'layers_to_transform',
  'layers_pattern',
  'bias',
  'init_lora_weights',
]);

/** Ways to draw A and B; others change the weights of the model, too. */
const plainStarts: readonly unknown[] = [undefined, null, true, false, 'gaussian', 'eva', 'orthogonal'];

/**
 * Reads the settings of an adapter. Every field is honoured, says nothing of what is computed, or is refused unless it is neutral.
 * @throws {@link ModelFormatError} for a field that is missing or of the wrong kind
 * @throws {@link UnsupportedOptionError} naming a field that would change what is computed
 */
export async function readConfig(files: FileSource, signal: AbortSignal | undefined): Promise<AdapterConfig> {
  const json = await readJson(files, configFile, { signal });
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw wrong('the file', json, 'a record');
  const config = json as Readonly<Record<string, unknown>>;
  if (config['peft_type'] !== 'LORA') throw refused('peft_type', config['peft_type'], '"LORA"');
  for (const [field, value] of Object.entries(config))
    if (!inert.has(field) && !honoured.has(field) && !isNeutral(value)) throw refused(field, value, 'nothing');
  if (!['none', undefined].includes(config['bias'] as string | undefined))
    throw refused('bias', config['bias'], '"none"');
  if (!plainStarts.includes(config['init_lora_weights']))
    throw refused(
      'init_lora_weights',
      config['init_lora_weights'],
      'true: the weights of its model were changed as well',
    );
  const { r: rank, lora_alpha: alpha, use_rslora: rslora = false, target_modules: targets } = config;
  if (!isRank(rank)) throw wrong('r', rank, 'a whole number from 1');
  if (!isAlpha(alpha)) throw wrong('lora_alpha', alpha, 'a number');
  if (typeof rslora !== 'boolean') throw wrong('use_rslora', rslora, 'true or false');
  const isList = Array.isArray(targets) && targets.every((target) => typeof target === 'string');
  if (!isList && typeof targets !== 'string') throw wrong('target_modules', targets, 'names or a regular expression');
  return {
    settings: {
      rank,
      alpha,
      rslora,
      rankPattern: patterns(config, 'rank_pattern', isRank, 'whole numbers from 1'),
      alphaPattern: patterns(config, 'alpha_pattern', isAlpha, 'numbers'),
    },
    targets: targets as Targets,
    narrowed: ['exclude_modules', 'layers_to_transform'].some((field) => !isNeutral(config[field])),
  };
}

function patterns(
  config: Readonly<Record<string, unknown>>,
  field: string,
  fits: (value: unknown) => value is number,
  expected: string,
): Readonly<Record<string, number>> {
  const given = config[field] ?? {};
  if (typeof given !== 'object' || !Object.values(given).every(fits))
    throw wrong(field, given, `${expected} by pattern`);
  for (const pattern of Object.keys(given))
    try {
      RegExp(`(?:${pattern})`, 'u');
    } catch (cause) {
      throw wrong(field, pattern, 'regular expressions that are understood here', cause);
    }
  return given as Readonly<Record<string, number>>;
}

function isRank(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function isAlpha(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

/** True for what a field says that is not used. */
function isNeutral(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function wrong(field: string, value: unknown, expected: string, cause?: unknown): ModelFormatError {
  return new ModelFormatError(
    `${configFile}: ${field} is ${value === undefined ? 'missing' : JSON.stringify(value)}, expected ${expected}. Take the file that was saved with the adapter.`,
    { facts: { field, value }, cause },
  );
}

function refused(field: string, value: unknown, expected: string): UnsupportedOptionError {
  return new UnsupportedOptionError(
    `${configFile}: ${field} is ${JSON.stringify(value)}, which is not honoured here and would change what the adapter computes; expected ${expected}. Merge it with PEFT, and load the merged model.`,
    { facts: { field, value } },
  );
}
