import type { ConfigReader } from './config-reader.ts';

/** `true` where a layer attends by softmax. Older names too. */
const kinds: ReadonlyMap<string, boolean> = new Map([
  ['full_attention', true],
  ['attention', true],
  ['linear_attention', false],
  ['mamba', false],
  ['conv', false],
]);

/** Which layers attend by softmax: as listed in `layer_types`, else by a rule. */
export function readAttendingLayers(
  reader: ConfigReader,
  layers: number,
  rule: (layer: number) => boolean,
): readonly boolean[] {
  return (
    reader.words('layer_types', { exactly: layers }, kinds) ?? Array.from({ length: layers }, (_, layer) => rule(layer))
  );
}
