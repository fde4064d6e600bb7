/** Parts of a block, under the names that they have in a spec and in our tensor names. */
export const layerSlots = [
  'mixerNorm',
  'mixer',
  'mixerOutputNorm',
  'feedForwardNorm',
  'feedForward',
  'feedForwardOutputNorm',
] as const;
