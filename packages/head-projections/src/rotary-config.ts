import { rotaryAngles, rotaryFrequencies, rotaryTables } from '@tessera/ops';
import type { RotaryOrder, RotaryScaling } from '@tessera/ops';
import { bool, fields, int, list, number, oneOf } from '@tessera/plugin';
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

const scalings: Readonly<Record<RotaryScaling['type'], FieldsSchema<object>>> = {
  default: fields<{ type: string }>({ type: oneOf(['default']) }),
  linear: fields<{ type: string; factor: number }>({ type: oneOf(['linear']), factor: number({ min: 0 }) }),
  dynamic: fields<object>({
    type: oneOf(['dynamic']),
    factor: number({ min: 0 }),
    maxPositions: int({ min: 1 }),
    contextLength: int({ min: 1 }),
  } as never),
  yarn: fields<object>({
    type: oneOf(['yarn']),
    factor: number({ min: 0 }),
    originalMaxPositions: int({ min: 1 }),
    betaFast: number({ min: 0, default: 32 }),
    betaSlow: number({ min: 0, default: 1 }),
    truncate: bool({ default: true }),
  } as never),
  llama3: fields<object>({
    type: oneOf(['llama3']),
    factor: number({ min: 0 }),
    lowFreqFactor: number({ min: 0 }),
    highFreqFactor: number({ min: 0 }),
    originalMaxPositions: int({ min: 1 }),
  } as never),
  longrope: fields<object>({ type: oneOf(['longrope']), factors: list(number({ min: 0 })) } as never),
};

/** One of several records, told apart by its `type`. */
const scaling: Field<RotaryScaling> = {
  optional: true,
  jsonSchema: { oneOf: Object.values(scalings).map((schema) => schema.jsonSchema) },
  read(value, path, issues) {
    if (value === undefined) return { type: 'default' };
    const type = (value as { type?: unknown } | null)?.type;
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
