import type { ConfigReader } from './config-reader.ts';

/** Kinds of attention layers: `true` where a window applies. */
export const attentionKinds: ReadonlyMap<string, boolean> = new Map([
  ['full_attention', false],
  ['sliding_attention', true],
]);

/** Refuses windows in a family that has none. */
export function readFullLayers(reader: ConfigReader, layers: number): void {
  // Not read by the published code of these families.
  reader.inert(['sliding_window']);
  if (reader.words('layer_types', { exactly: layers }, attentionKinds)?.includes(true))
    throw reader.refused('layer_types', "'full_attention' only");
}

/** Checks that `layer_types`, where it is not read, says no other than one window for all layers, or none. */
export function readUniformLayers(reader: ConfigReader, layers: number, window: number | undefined): void {
  const kinds = reader.words('layer_types', { exactly: layers }, attentionKinds);
  if (kinds?.some((slides) => slides !== (window !== undefined)))
    throw reader.refused('layer_types', 'one kind for all layers, the one that sliding_window says');
}

/** Layers of the family of qwen: the first `max_window_layers` see everything, the others through the window, if it is on. */
export function readQwenWindows(reader: ConfigReader, layers: number): readonly (number | undefined)[] {
  const on = reader.bool('use_sliding_window', false);
  const value = reader.value('sliding_window') === undefined ? 4096 : reader.optionalInt('sliding_window');
  const window = on ? value : undefined;
  const firstFull = reader.int('max_window_layers', 28, { min: 0 });
  const kinds = reader.words('layer_types', { exactly: layers }, attentionKinds);
  if (window === undefined && kinds?.includes(true))
    throw reader.refused('layer_types', "'full_attention' only, since use_sliding_window or sliding_window is off");
  return Array.from({ length: layers }, (_, layer) => ((kinds?.[layer] ?? layer >= firstFull) ? window : undefined));
}
