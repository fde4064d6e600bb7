import { gatedDeltaNet, shortConvolution } from '@tessera/attention-linear';
import type { Memory, MixerUse } from '@tessera/plugin';
import { decodingOf, validate } from '@tessera/plugin';

/** Mixers with their settings, for a list of layers. */
export function configure(): readonly MixerUse[] {
  // #region configure
  const net = gatedDeltaNet({ keyHeads: 4, valueHeads: 8, keyDim: 64, valueDim: 64, negativeEigenvalues: true });
  const convolution = shortConvolution({ kernel: 3 });
  // #endregion configure
  return [net, convolution];
}

/** Memory of a Gated DeltaNet that may read so many positions. */
export function memoryOf(capacity: number): Memory {
  // #region memory
  const config = validate(gatedDeltaNet.config, { keyHeads: 4, keyDim: 64, valueDim: 64 }, 'config');
  const site = { config, dModel: 512, layer: 0, layers: 1 };
  const memory = decodingOf(gatedDeltaNet).memory({ ...site, batch: 1, capacity, chunk: 1 });
  // { growth: 'constant', bytes: 74752 }, however large the capacity
  // #endregion memory
  return memory;
}
