// The code of docs/guides/linear-attention.md. Its output is shown there.
import { createAssembler } from '@tessera/assembler';
import type { LayerSpecInput, MixerInput, Model, ModelSpecInput } from '@tessera/assembler';
import { gatedDeltaNet, groupedLinearAttention, linearAttention } from '@tessera/attention-linear';
import { softmax, softmaxAttention } from '@tessera/attention-softmax';
import { feedForward, gated } from '@tessera/feedforward';
import { linearize } from '@tessera/linearize';
import { norms, rms } from '@tessera/norms';
import { batchOf, batchesOf, createTrainer } from '@tessera/training';

// #region assemble
const assembler = createAssembler({ plugins: [linearAttention, softmax, feedForward, norms] });
const block = (mixer: MixerInput): LayerSpecInput => ({
  mixerNorm: { type: rms.name },
  mixer,
  feedForwardNorm: { type: rms.name },
  feedForward: { type: gated.name, config: { hidden: 32 } },
});
const specOf = (mixer: MixerInput): ModelSpecInput => ({
  vocabSize: 16,
  dModel: 16,
  maxPositions: 100_000,
  layers: [block(mixer), block(mixer)],
  finalNorm: { type: rms.name },
});
const recurrent = specOf(gatedDeltaNet({ keyHeads: 2, keyDim: 8, valueDim: 8 }));
await using model = await assembler.assemble(recurrent, { device: 'cpu', seed: 1 });
// #endregion assemble

// #region decode
for (const capacity of [10, 100_000]) {
  using session = await model.session({ batch: 1, capacity });
  await session.feed([[1, 2, 3, 4]]); // a prompt: many positions in one step
  await session.feed([[5]]); // and one by one from there
  console.log(`room for ${capacity} tokens: ${session.stateBytes} bytes`);
}
const { newTokenIds } = await model.generate([1, 2, 3, 4], { maxNewTokens: 8 });
console.log(`untrained, it continues 1 2 3 4 with ${newTokenIds.join(' ')}`);
// #endregion decode

/** Texts that count, in steps of 1, 2 or 3: 3 6 9 12 15 2 … */
const rows = Array.from({ length: 48 }, (_, row) =>
  Array.from({ length: 17 }, (_, place) => (row + place * (1 + Math.floor(row / 16))) % 16),
);

// #region train
async function train(from: Model, steps: number): Promise<Model> {
  await using trainer = await createTrainer(from, {
    batches: batchesOf(rows, 8),
    optimizer: { kind: 'adamw', learningRate: 0.02 },
    schedule: { kind: 'cosine', warmup: 5, steps },
  });
  for await (const { step, loss } of trainer.train({ until: steps }))
    if (step === steps) console.log(`after ${steps} steps: loss ${loss.toFixed(1)}`);
  return await trainer.model();
}
await using trained = await train(model, 60);
const counted = await trained.generate([3, 6, 9, 12], { maxNewTokens: 4 });
console.log(`trained, it continues 3 6 9 12 with ${counted.newTokenIds.join(' ')}`);
// #endregion train

/** Mean loss over the rows. */
async function lossOf(of: Model): Promise<string> {
  await using trainer = await createTrainer(of, {
    batches: batchesOf(rows, 8),
    optimizer: { kind: 'sgd', learningRate: 0 },
    schedule: { kind: 'constant' },
  });
  return (await trainer.evaluate([batchOf(rows)])).loss.toFixed(1);
}

await using attends = await assembler.assemble(specOf(softmaxAttention({ heads: 2, rotary: {} })), {
  device: 'cpu',
  seed: 1,
});
await using teacher = await train(attends, 60);

// #region linearize
const made = await linearize(teacher, {
  assembler,
  mixer: groupedLinearAttention,
  config: { group: 8, convolution: 4 },
});
await using linear = made.model;
console.log(`copied ${made.copied.length} tensors, drawn: ${made.drawn.join(', ')}`);
console.log(`loss with softmax attention ${await lossOf(teacher)}, right after the swap ${await lossOf(linear)}`);
await using tuned = await train(linear, 40);
const again = await tuned.generate([3, 6, 9, 12], { maxNewTokens: 4 });
console.log(`linear, it continues 3 6 9 12 with ${again.newTokenIds.join(' ')}`);
// #endregion linearize
