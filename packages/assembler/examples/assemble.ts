import { createAssembler } from '@tessera/assembler';
import type { LayerSpecInput, MixerInput, Model } from '@tessera/assembler';
import { gatedDeltaNet, shortConvolution } from '@tessera/attention-linear';
import { softmaxAttention } from '@tessera/attention-softmax';
import { feedForward, gated } from '@tessera/feedforward';
import { norms, rms } from '@tessera/norms';

/** A new hybrid model: a recurrence, a convolution and an attention. */
export async function assembleHybrid(): Promise<Model> {
  // #region assemble
  const assembler = createAssembler({ plugins: [norms, feedForward] });
  const block = (mixer: MixerInput): LayerSpecInput => ({
    mixer,
    mixerNorm: { type: rms.name },
    feedForward: { type: gated.name, config: { hidden: 128 } },
    feedForwardNorm: { type: rms.name },
  });
  const model = await assembler.assemble(
    {
      vocabSize: 256,
      dModel: 64,
      maxPositions: 512,
      layers: [
        block(gatedDeltaNet({ keyHeads: 2, keyDim: 16, valueDim: 32 })),
        block(shortConvolution({ kernel: 3 })),
        block(softmaxAttention({ heads: 4, kvHeads: 2, rotary: {} })),
      ],
      finalNorm: { type: rms.name },
    },
    { seed: 7 },
  );
  // #endregion assemble
  return model;
}
