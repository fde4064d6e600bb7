import type { FileSink, TensorBytes } from '@tessera/checkpoints';
import { directorySink, fromFloat32, writeSafetensors } from '@tessera/checkpoints';
import { treeEntries } from '@tessera/tensor-core';
import { readFloats } from '../copy-weights.ts';
import type { Trainer } from '../trainer.ts';

/** What a training is continued from: beside the model that anybody can load. */
export const trainingFile = 'training.safetensors';

/** Where {@link TrainingRecord} stands in the metadata of {@link trainingFile}. */
export const recordKey = 'training';

/**
 * Writes the model as `model.save` does, or the adapter alone, with `training.safetensors` and `training.json` beside it: weights in 32 bits, what
 * the optimiser remembers, step, place in the batches, and settings. Each file is replaced whole, and `training.safetensors`
 * alone is what is continued from, so that a save that was cut short leaves the one before.
 * @param target - a directory (Node) or a sink
 */
export async function saveTraining(
  trainer: Trainer,
  target: string | FileSink,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const sink = typeof target === 'string' ? directorySink(target) : target;
  const { progress, settings, identity, device, adapter } = trainer;
  const record = { format: 'tessera-training/1', ...progress, ...(identity !== undefined && { identity }), settings };
  const entries = treeEntries(trainer.state);
  const tensors: TensorBytes[] = [];
  for (const [name, tensor] of entries) {
    signal?.throwIfAborted();
    const { shape } = tensor;
    tensors.push({ name, dtype: 'F32', shape, bytes: fromFloat32(await readFloats(tensor, device), 'F32') });
  }
  const file = writeSafetensors(tensors, { metadata: { [recordKey]: JSON.stringify(record) } });
  if (adapter) await adapter.save(trainer.state.params, sink, { signal });
  else await trainer.view().save(sink, { signal });
  await sink.write('training.json', [new TextEncoder().encode(`${JSON.stringify(record, undefined, 2)}\n`)]);
  await sink.write(trainingFile, [file]);
}
