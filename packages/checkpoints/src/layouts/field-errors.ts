import { ModelFormatError, UnsupportedArchitectureError } from '@tessera/tensor-core';
import { quote } from '../source/quote.ts';
import { factValue, showValue } from './show-value.ts';

/** Where a field stands. */
export interface FieldPlace {
  /** The layout's name. */
  readonly modelType: string;
  /** Path of the field in the config. */
  readonly field: string;
  readonly value: unknown;
}

/** A field whose value has the wrong type or is out of range. */
export function wrongField(place: FieldPlace, expected: string, mend: string): ModelFormatError {
  const { where, facts } = describe(place);
  const is = place.value === undefined ? 'is missing' : `is ${showValue(place.value)}`;
  return new ModelFormatError(`${where} ${is}, expected ${expected}. ${mend}`, { facts });
}

/** A field whose value is well-formed and asks for something that is not built. */
export function refusedField(place: FieldPlace, understood: string, mend: string): UnsupportedArchitectureError {
  const { where, facts } = describe(place);
  return new UnsupportedArchitectureError(
    `${where} is ${showValue(place.value)}; understood is ${understood}. ${mend}`,
    {
      facts,
    },
  );
}

/** A field that the layout does not list. */
export function unknownField(place: FieldPlace, known: readonly string[]): UnsupportedArchitectureError {
  const { where, facts } = describe(place);
  return new UnsupportedArchitectureError(
    `${where} is ${showValue(place.value)}, and this layout does not know the field; it may change what the model computes. ` +
      `Understood are ${known.join(', ')}, and fields that change nothing. ` +
      `Remove the field if the model does not need it, or register a layout that reads it.`,
    { facts: { ...facts, known } },
  );
}

function describe({ modelType, field, value }: FieldPlace): { where: string; facts: Record<string, unknown> } {
  const shown = quote(field).slice(1, -1);
  return {
    where: `config.json (model_type ${quote(modelType)}): field '${shown}'`,
    facts: { modelType, field: shown, value: factValue(value) },
  };
}
