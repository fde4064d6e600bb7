import { contextualMemory, persistentMemory } from '@tessera/mixers-memory-mosaic';
import type { LayerSpec } from '@tessera/plugin';

/** Layers of a Memory Mosaic of two blocks. */
export function mosaic(dModel: number): readonly LayerSpec[] {
  // #region configure
  const norm = { type: '@tessera/norms:layer' };
  const block = [
    { mixerNorm: norm, mixer: { type: contextualMemory.name, config: { heads: 8 } } },
    { mixerNorm: norm, mixer: { type: persistentMemory.name, config: { heads: 8, slots: 3.5 * dModel } } },
  ];
  const layers = [...block, ...block]; // of a spec, between a tied embedding and its norm
  // #endregion configure
  return layers;
}
