import type { SpecOptions } from '@tessera/plugin';
import type { ConfigReader } from '../config-reader.ts';
import type { RotarySettings } from '../parts/attention-settings.ts';
import { readRotaryRule } from '../rotary-fields.ts';
import type { RotaryReading } from '../rotary-fields.ts';

/** Rotary positions of layers that see everything and of layers with a window. */
export interface GemmaRotary {
  readonly full: RotarySettings | undefined;
  readonly sliding: RotarySettings | undefined;
  /** Positions up to which frequencies are those of the published model. */
  readonly limit: number | undefined;
}

/**
 * A dictionary for each kind of layer (transformers 5), or `rope_theta`, `rope_local_base_freq` and a `rope_scaling` that
 * counts for full layers only (4).
 */
export function readGemmaRotary(
  reader: ConfigReader,
  sizes: { readonly headDim: number; readonly maxPositions: number },
  { contextLength }: SpecOptions,
): GemmaRotary {
  const parameters = reader.record('rope_parameters');
  const fullPart = parameters?.record('full_attention');
  const scaling = reader.record('rope_scaling');
  // With both, the fields of `rope_scaling` are laid over the others.
  const full = scaling && fullPart ? fullPart.overlaid(scaling) : (scaling ?? fullPart);
  const sliding = parameters?.record('sliding_attention');
  const theta = (own: ConfigReader | undefined, field: string, fallback: number): number => {
    reader.value(field);
    return own && own.value('rope_theta') !== undefined
      ? own.number('rope_theta', fallback, { min: 1 })
      : reader.number(field, fallback, { min: 1 });
  };
  const read = (own: ConfigReader | undefined, base: number): RotaryReading => {
    own?.neutral('partial_rotary_factor', 1, null);
    return readRotaryRule(own, {
      ...sizes,
      rotated: sizes.headDim,
      theta: base,
      contextLength,
      // The published code looks for it beside the dictionaries and never finds it there.
      readsTruncate: false,
      reader,
    });
  };
  const readings = [
    read(full, theta(full, 'rope_theta', 1_000_000)),
    read(sliding, theta(sliding, 'rope_local_base_freq', 10_000)),
  ] as const;
  parameters?.finish();
  reader.neutral('partial_rotary_factor', 1, null);
  const limits = readings.map(({ limit }) => limit).filter((limit) => limit !== undefined);
  return {
    full: readings[0].rotary,
    sliding: readings[1].rotary,
    limit: limits.length > 0 ? Math.min(...limits) : undefined,
  };
}
