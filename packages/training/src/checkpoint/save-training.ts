import type { SaveOptions } from '@tessera/assembler';
import type { FileSink, TensorBytes } from '@tessera/checkpoints';
import { directorySink, fromFloat32, writeSafetensors } from '@tessera/checkpoints';
import { treeEntries } from '@tessera/tensor-core';
import { readFloats } from '../copy-weights.ts';
import type { Trainer } from '../trainer.ts';

/** What a training is continued from: beside the model that anybody can load. */
export const trainingFile = 'training.safetensors';

/** What is saved, and how. */
export interface SaveTrainingOptions {
  /**
   * Element type of the model's weights, or of the adapter's tensors; what is continued from has 32 bits.
   * @defaultValue that of the model; of an adapter fp32
   */
  readonly dtype?: SaveOptions['dtype'];
  /** Whether the model is written too; `false` keeps the one that is there, for example a better one. @defaultValue true */
  readonly model?: boolean;
  /** Rejects with `signal.reason`; files that were written until then stay. */
  readonly signal?: AbortSignal | undefined;
}

/** Where {@link TrainingRecord} stands in the metadata of {@link trainingFile}. */
export const recordKey = 'training';

/**
 * Writes the model as `model.save` does, or the adapter alone, with `training.safetensors` and `training.json` beside it: weights in 32 bits, what
 * the optimiser remembers, step, place in the batches, and settings. Each file is replaced whole, and `training.safetensors`
 * alone is what is continued from, so that a save that was cut short leaves the one before.
 * @param target - a directory (Node) or a sink
 * @throws as `model.save` for an element type that is none
 */
export async function saveTraining(
  trainer: Trainer,
  target: string | FileSink,
  { signal, dtype, model = true }: SaveTrainingOptions = {},
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
  if (adapter && model) await adapter.save(sink, { trained: trainer.state.params, signal, dtype });
  else if (model) await trainer.view().save(sink, { signal, dtype });
  await sink.write('training.json', [new TextEncoder().encode(`${JSON.stringify(record, undefined, 2)}\n`)]);
  await sink.write(trainingFile, [file]);
}
