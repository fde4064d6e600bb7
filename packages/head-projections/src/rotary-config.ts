import { rotaryAngles, rotaryFrequencies, rotaryTables } from '@tessera/ops';
import type { RotaryOrder, RotaryScaling } from '@tessera/ops';
import { bool, fields, int, list, number, oneOf, settingError } from '@tessera/plugin';
import type { Field, FieldsSchema } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';

/** Rotary positions of an attention. */
export interface RotaryConfig {
  /** Base of the frequencies. @defaultValue 10000 */
  readonly theta?: number;
  /** Rotated elements of each head, from the first; even. @defaultValue headDim */
  readonly dims?: number;
  /** Which elements form a pair. @defaultValue 'half' */
  readonly order?: RotaryOrder;
  /** Rule for contexts longer than trained. @defaultValue none */
  readonly scaling?: RotaryScaling;
  /** Factor of the rotated elements of queries and keys alike. @defaultValue 1 */
  readonly attentionFactor?: number;
}

/** A factor: nothing divides by 0. */
const positive = number({ min: 1e-6 });

const scalings: Readonly<Record<RotaryScaling['type'], FieldsSchema<object>>> = {
  default: fields<{ type: string }>({ type: oneOf(['default']) }),
  linear: fields<{ type: string; factor: number }>({ type: oneOf(['linear']), factor: positive }),
  dynamic: fields<object>({
    type: oneOf(['dynamic']),
    factor: positive,
    maxPositions: int({ min: 1 }),
    contextLength: int({ min: 1 }),
  } as never),
  yarn: fields<object>({
    type: oneOf(['yarn']),
    factor: positive,
    originalMaxPositions: int({ min: 1 }),
    betaFast: number({ min: 0, default: 32 }),
    betaSlow: number({ min: 0, default: 1 }),
    truncate: bool({ default: true }),
  } as never),
  llama3: fields<object>({
    type: oneOf(['llama3']),
    factor: positive,
    lowFreqFactor: positive,
    highFreqFactor: positive,
    originalMaxPositions: int({ min: 1 }),
  } as never),
  longrope: fields<object>({ type: oneOf(['longrope']), factors: list(positive) } as never),
};

/** One of several records, told apart by its `type`. */
const scaling: Field<RotaryScaling> = {
  optional: true,
  jsonSchema: { oneOf: Object.values(scalings).map((schema) => schema.jsonSchema) },
  read(value, path, issues) {
    if (value === undefined) return { type: 'default' };
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      issues.push({ path, message: `is ${JSON.stringify(value)}, expected a record with a type` });
      return { type: 'default' };
    }
    const { type } = value as { readonly type?: unknown };
    const schema =
      typeof type === 'string' && Object.hasOwn(scalings, type) ? scalings[type as RotaryScaling['type']] : undefined;
    if (schema) return schema.read(value, path, issues) as RotaryScaling;
    issues.push({
      path: [...path, 'type'],
      message: `is ${JSON.stringify(type)}, expected one of ${Object.keys(scalings).join(', ')}`,
    });
    return { type: 'default' };
  },
};

/** Schema of {@link RotaryConfig}. */
export const rotaryConfig: FieldsSchema<Required<RotaryConfig>> = fields<RotaryConfig>({
  theta: number({ min: 1, default: 10_000 }),
  dims: int({ min: 0, default: 0 }),
  order: oneOf(['half', 'interleaved'], { default: 'half' }),
  scaling,
  attentionFactor: number({ default: 1 }),
});

/**
 * Refuses rotary positions that do not fit what turns: pairs of elements, no more than there are, with frequencies that are numbers.
 * @param of - the setting that says how wide it is, and its width
 * @throws InvalidSpecError naming the setting
 */
export function checkRotary(
  rotary: RotaryConfig | undefined,
  { setting, width }: { readonly setting: string; readonly width: number },
): void {
  if (!rotary) return;
  const { dims: given = 0, theta = 10_000, scaling: rule = { type: 'default' } } = rotary;
  if (given === 0 && width % 2 !== 0)
    throw settingError(setting, `is ${width}, expected an even number: pairs of elements turn. Set rotary.dims`, {
      width,
    });
  if (given > width || given % 2 !== 0)
    throw settingError(
      'rotary.dims',
      `is ${given}, expected an even number up to ${setting} = ${width}. Leave it out to turn all of them`,
      { dims: given, width },
    );
  const dims = given === 0 ? width : given;
  if (rule.type === 'longrope' && rule.factors.length !== dims / 2)
    throw settingError(
      'rotary.scaling.factors',
      `has ${rule.factors.length} numbers, expected one for each of ${dims / 2} pairs. Take those of the checkpoint`,
      { dims },
    );
  const frequencies = rotaryFrequencies(dims, theta, rule);
  if (!frequencies.every((frequency) => Number.isFinite(frequency)))
    throw settingError(
      'rotary.scaling',
      `is ${JSON.stringify(rule)}, whose frequencies of ${dims} elements are not all finite numbers. Correct it, or leave it out`,
      { dims },
    );
}

/** Cosines and sines `[B, n, dims / 2]` of positions `[B, n]` under a rotary config. */
export function anglesOf(
  { theta, dims, scaling: rule, attentionFactor }: Required<RotaryConfig>,
  headDim: number,
  positions: Tensor,
): { cos: Tensor; sin: Tensor } {
  return rotaryAngles(
    rotaryTables(rotaryFrequencies(dims === 0 ? headDim : dims, theta, rule)),
    positions,
    attentionFactor,
  );
}
