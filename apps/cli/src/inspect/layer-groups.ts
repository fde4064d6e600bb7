import type { LayerSpec } from '@tessera/plugin';

/** Layers that are specified alike. */
export interface LayerGroup {
  /** Numbers of the layers, ascending. */
  readonly indices: readonly number[];
  readonly layer: LayerSpec;
}

/** Groups equal layers wherever they stand, in the order in which they first appear. */
export function groupLayers(layers: readonly LayerSpec[]): LayerGroup[] {
  const groups = new Map<string, { indices: number[]; layer: LayerSpec }>();
  layers.forEach((layer, index) => {
    const key = JSON.stringify(layer);
    const group = groups.get(key);
    if (group) group.indices.push(index);
    else groups.set(key, { indices: [index], layer });
  });
  return [...groups.values()];
}

/** `[0, 1, 2, 5]` → `0–2, 5`. */
export function showRanges(indices: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const index of indices) {
    const last = ranges.at(-1);
    if (last?.[1] === index - 1) last[1] = index;
    else ranges.push([index, index]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(', ');
}
