import type { SpecOptions } from '@tessera/plugin';
import type { ConfigReader } from './config-reader.ts';
import type { RotarySettings } from './parts/attention-settings.ts';
import { allowScalingFields, scalingReaders } from './rotary-scaling.ts';
import type { ReadScaling, RotaryContext } from './rotary-scaling.ts';

/** How a family reads its rotary fields. */
export interface RotaryFamily {
  readonly headDim: number;
  /** `max_position_embeddings` */
  readonly maxPositions: number;
  /** Base when no field gives it. @defaultValue 10000 */
  readonly theta?: number;
  /** Field beside `rope_parameters` with the base. @defaultValue 'rope_theta' */
  readonly thetaField?: string;
  /** Share of each head that is rotated: its field beside `rope_parameters`, and its default. Absent: all of it. */
  readonly partial?: { readonly field: string; readonly default: number };
  /** Names of the scaling rules that the family has. @defaultValue all */
  readonly rules?: readonly string[];
  /** Other names of rules. */
  readonly ruleAliases?: ReadonlyMap<string, string>;
  /** The original length, when the family never reads it beside the rule's fields. */
  readonly originalMaxPositions?: number;
  /** A base of null means that nothing is rotated. @defaultValue false */
  readonly nullTheta?: boolean;
}

/** Rotary positions of a model, and how far they go. */
export interface RotaryReading {
  /** Absent: nothing is rotated. */
  readonly rotary?: RotarySettings | undefined;
  /** Positions up to which frequencies are those of the published model. */
  readonly limit?: number | undefined;
}

/**
 * Rotary fields in either spelling: `rope_parameters` (transformers 5), or `rope_theta` with `rope_scaling` (4), which replaces
 * the former when it is there.
 */
export function readRotary(reader: ConfigReader, family: RotaryFamily, options: SpecOptions = {}): RotaryReading {
  const parameters = reader.record('rope_parameters');
  const scaling = reader.record('rope_scaling');
  const rule = scaling ?? parameters;
  const thetaField = family.thetaField ?? 'rope_theta';
  const place = rule && rule.value('rope_theta') !== undefined ? rule : reader;
  const thetaKey = place === reader ? thetaField : 'rope_theta';
  const original = reader.optionalInt('original_max_position_embeddings');
  reader.value(thetaField);
  if (family.nullTheta && place.value(thetaKey) === null) return {};
  const theta = place.number(thetaKey, family.theta ?? 10_000, { min: 1 });
  return readRotaryRule(rule, {
    ...family,
    theta,
    rotated: readRotated(reader, rule, family),
    originalMaxPositions: family.originalMaxPositions ?? original,
    contextLength: options.contextLength,
    reader,
  });
}

/** What is known before the fields of a rule are read. */
export interface RotaryRuleContext extends Omit<RotaryContext, 'dims'>, Pick<RotaryFamily, 'rules' | 'ruleAliases'> {
  readonly headDim: number;
  /** Elements of a head that frequencies are counted for. */
  readonly rotated: number;
  /** Reader of the whole config, for messages about a rule that it leaves out. */
  readonly reader: ConfigReader;
}

/** The fields of one dictionary to settings. */
export function readRotaryRule(rule: ConfigReader | undefined, context: RotaryRuleContext): RotaryReading {
  const { theta, headDim, rotated } = context;
  const readers = new Map([...scalingReaders].filter(([name]) => context.rules?.includes(name) ?? true));
  for (const [alias, name] of context.ruleAliases ?? []) readers.set(alias, scalingReaders.get(name) as ReadScaling);
  const typeKey = rule?.spelling('rope_type', 'type') ?? 'rope_type';
  const read = rule?.word(typeKey, 'default', readers);
  const scaled = rule && read !== scalingReaders.get('default') ? read : undefined;
  // The published code rounds an odd number of elements up and keeps the exponents, which is another base.
  const dims = 2 * Math.ceil(rotated / 2);
  if (dims > headDim || (scaled && (rotated % 2 !== 0 || rotated === 0)))
    throw (rule ?? context.reader).refused(
      typeKey,
      `a rule over an even number of elements of a head, not ${rotated} of ${headDim}`,
    );
  const { limit, ...found } = rule && scaled ? scaled(rule, { ...context, dims }) : {};
  if (rule) {
    allowScalingFields(rule);
    rule.finish();
  }
  if (rotated === 0) return {};
  const base = dims === rotated ? theta : theta ** (dims / rotated);
  return { rotary: { theta: base, ...(dims !== headDim && { dims }), ...found }, limit };
}

/** Elements of a head that frequencies are counted for. */
function readRotated(reader: ConfigReader, rule: ConfigReader | undefined, { headDim, partial }: RotaryFamily): number {
  if (!partial) {
    // The published code ignores other values where nothing is scaled, and stumbles over them under all rules that scale.
    const scaled = (rule?.value(rule.spelling('rope_type', 'type')) ?? 'default') !== 'default';
    for (const place of rule ? [reader, rule] : [reader]) {
      const key = 'partial_rotary_factor';
      if (scaled) place.neutral(key, 1, null);
      else if ((place.optionalNumber(key) ?? 1) !== 1)
        place.warn(key, 'which has no effect in this family, here as in the published code.');
    }
    return headDim;
  }
  reader.value(partial.field);
  const range = { min: 0, max: 1 };
  const inside = rule?.optionalNumber('partial_rotary_factor', range);
  return Math.trunc(headDim * (inside ?? reader.optionalNumber(partial.field, range) ?? partial.default));
}
