// The code of docs/guides/latent-attention.md. Its output is shown there.
import { createAssembler } from '@tessera/assembler';
import type { MixerInput, Model } from '@tessera/assembler';
import {
  accountingTable,
  groupedLatentAttention,
  groupedTiedAttention,
  multiHeadLatentAttention,
} from '@tessera/attention-latent';
import { feedForward, gated } from '@tessera/feedforward';
import { norms, rms } from '@tessera/norms';

// #region assemble
const assembler = createAssembler({ plugins: [norms, feedForward] });
const rotary = { theta: 10_000 };
const size = { heads: 4, headDim: 8 };

function modelOf(mixer: MixerInput): Promise<Model> {
  const block = {
    mixerNorm: { type: rms.name },
    mixer,
    feedForwardNorm: { type: rms.name },
    feedForward: { type: gated.name, config: { hidden: 64 } },
  };
  const spec = { vocabSize: 64, dModel: 32, maxPositions: 4096, layers: [block, block], finalNorm: { type: rms.name } };
  return assembler.assemble(spec, { device: 'cpu', seed: 7 });
}

async function show(name: string, mixer: MixerInput): Promise<void> {
  await using model = await modelOf(mixer);
  using session = await model.session({ batch: 1, capacity: 1024 });
  const { newTokenIds } = await model.generate([1, 2, 3, 4, 5], { maxNewTokens: 8 });
  console.log(`${name.padEnd(22)} ${(session.stateBytes / 1024).toFixed(1).padStart(6)} KiB  ${newTokenIds.join(' ')}`);
}
await show('MLA', multiHeadLatentAttention({ ...size, rotary }));
await show('GLA, two latents', groupedLatentAttention({ ...size, latentHeads: 2, rotary }));
await show('GTA, two tied heads', groupedTiedAttention({ ...size, kvHeads: 2, rotary }));
// #endregion assemble

// #region forms
await show('MLA, absorbed', multiHeadLatentAttention({ ...size, rotary, absorbUpTo: 128 }));
await show('MLA, materialised', multiHeadLatentAttention({ ...size, rotary, absorbUpTo: 0 }));
// #endregion forms

// #region pages
await show('MLA, pages of 64', multiHeadLatentAttention({ ...size, rotary, pageSize: 64 }));
await show('MLA, pages of 1', multiHeadLatentAttention({ ...size, rotary, pageSize: 1 }));
// #endregion pages

// #region accounting
for (const { shape, perRank, intensity } of accountingTable({ heads: 32, headDim: 128, kvHeads: 8, ranks: [1, 2, 8] }))
  console.log(`${shape.name.padEnd(4)} ${perRank.join(', ').padEnd(16)} ${intensity}`);
// #endregion accounting
