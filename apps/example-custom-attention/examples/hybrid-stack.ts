// A hybrid stack: successor memories, and a softmax attention in every third layer. Assembled, run, saved, loaded again.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAssembler } from '@tessera/assembler';
import { softmax, softmaxAttention } from '@tessera/attention-softmax';
import { feedForward, gated } from '@tessera/feedforward';
import { norms, rms } from '@tessera/norms';
import type { LayerSpec, MixerSpec, ModelSpec } from '@tessera/plugin';
import { plugin, successorMemory } from '../src/successor-memory.ts';

// #region spec
const memory: MixerSpec = { type: successorMemory.name, config: { heads: 4, headDim: 16 } };
const attention: MixerSpec = { type: softmaxAttention.name, config: { heads: 4, kvHeads: 2, rotary: {} } };

function layer(mixer: MixerSpec): LayerSpec {
  return {
    mixer,
    mixerNorm: { type: rms.name },
    feedForward: { type: gated.name, config: { hidden: 128 } },
    feedForwardNorm: { type: rms.name },
  };
}

const spec: ModelSpec = {
  vocabSize: 256,
  dModel: 64,
  maxPositions: 128,
  layers: [layer(memory), layer(memory), layer(attention), layer(memory), layer(memory), layer(attention)],
  finalNorm: { type: rms.name },
};
// #endregion spec

// #region assemble
const assembler = createAssembler({ plugins: [softmax, norms, feedForward, plugin] });
await using model = await assembler.assemble(spec, { device: 'cpu', seed: 7 });
const prompt = [72, 101, 108, 108, 111];
const { newTokenIds } = await model.generate(prompt, { maxNewTokens: 12 });
console.log(`${model.memory.parameters} parameters, new tokens ${newTokenIds.join(' ')}`);
// #endregion assemble

const directory = await mkdtemp(join(tmpdir(), 'hybrid-'));
try {
  // #region save
  await model.save(directory); // config.json has model_type "tessera", the spec, and the packages that it needs
  await using restored = await assembler.load(directory);
  const again = await restored.generate(prompt, { maxNewTokens: 12 });
  // #endregion save
  if (again.newTokenIds.join() !== newTokenIds.join())
    throw new Error(`The saved model gives ${again.newTokenIds.join(' ')}.`);
  console.log('saved and loaded: the same tokens');
} finally {
  await rm(directory, { recursive: true, force: true });
}
