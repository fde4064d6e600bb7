import type { Model } from '@tessera/assembler';
import type { FileSource, FileSourceInput, SafetensorsReader } from '@tessera/checkpoints';
import { openSafetensors, toFileSource, toFloat32 } from '@tessera/checkpoints';
import type { Tensor } from '@tessera/tensor-core';
import { ModelFormatError, disposeTree, fillTree, sameShape, showShape, treeEntries } from '@tessera/tensor-core';
import { trainerParts } from '../create-trainer.ts';
import { Trainer } from '../trainer.ts';
import type { TrainingProgress } from '../trainer.ts';
import type { TrainerOptions, TrainerSettings } from '../trainer-options.ts';
import { recordKey, trainingFile } from './save-training.ts';

/** What a checkpoint says of a training, beside its tensors. */
export interface TrainingRecord extends TrainingProgress {
  /** Of the batches; undefined where they have none. */
  readonly identity: string | undefined;
  readonly settings: TrainerSettings;
}

/**
 * Continues a training where {@link saveTraining} left it: on the same device, over the same batches and with the same options,
 * the next losses are those of an unbroken run, bit for bit. The schedule may be another one.
 * @param model - of the architecture that was trained, such as the one that the checkpoint holds: its weights do not matter.
 *   Where an adapter was trained, the model that it was trained on
 * @throws {@link ModelFormatError} when there is no training in the checkpoint, or it is one of another model, optimiser or data
 */
export async function resumeTraining(model: Model, source: FileSourceInput, options: TrainerOptions): Promise<Trainer> {
  const parts = trainerParts(model, options);
  const { settings, form } = parts;
  const files = await toFileSource(source);
  const reader = await openTraining(files);
  try {
    const record = recordOf(reader, files);
    checkAlike(record, settings, options.batches.identity, files);
    const wanted = treeEntries(form);
    const tensors: Tensor[] = [];
    try {
      for (const [name, { shape }] of wanted) {
        const entry = reader.tensors.get(name);
        if (!entry || entry.dtype !== 'F32' || !sameShape(entry.shape, shape))
          throw wrong(
            files,
            `${name} is ${entry ? `${entry.dtype} ${showShape(entry.shape)}` : 'missing'}, expected F32 ${showShape(shape)}. Take the model that was trained`,
            { tensor: name },
          );
        const values = toFloat32(await reader.read(name), 'F32');
        tensors.push(model.device.upload(values, { shape, dtype: 'f32' }));
      }
      const left = [...reader.tensors.keys()].find((name) => !wanted.some(([known]) => known === name));
      if (left !== undefined)
        throw wrong(files, `${left} belongs to no parameter of the model. Take the model that was trained`, {
          tensor: left,
        });
      const trainer = new Trainer({ ...parts, state: fillTree(form, tensors) });
      await trainer.resume(record);
      return trainer;
    } catch (error) {
      disposeTree(tensors);
      throw error;
    }
  } finally {
    await reader.close();
  }
}

/**
 * What a checkpoint says of its training.
 * @throws {@link ModelFormatError} when there is none
 */
export async function readTrainingRecord(source: FileSourceInput): Promise<TrainingRecord> {
  const files = await toFileSource(source);
  const reader = await openTraining(files);
  try {
    return recordOf(reader, files);
  } finally {
    await reader.close();
  }
}

async function openTraining(files: FileSource): Promise<SafetensorsReader> {
  const file = await files.open(trainingFile);
  await file?.close?.();
  if (file) return openSafetensors(files, { file: trainingFile });
  throw new ModelFormatError(
    `${files.name}: there is no ${trainingFile}, expected a training to continue. Train with a directory to save to first.`,
    { facts: { source: files.name, missing: trainingFile } },
  );
}

function recordOf(reader: SafetensorsReader, files: FileSource): TrainingRecord {
  let record: (Partial<TrainingRecord> & { readonly format?: unknown }) | undefined;
  try {
    record = JSON.parse(reader.metadata.get(recordKey) ?? 'null') ?? undefined;
  } catch {
    record = undefined;
  }
  const whole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
  const fits = record && whole(record.step) && whole(record.tokens) && whole(record.position) && record.settings;
  if (record?.format !== 'tessera-training/1' || !fits)
    throw wrong(files, `its metadata is no training of a known form. Take the file as it was saved`, {});
  return record as TrainingRecord;
}

/** What makes other losses must not differ; when the rate falls, and how memory is saved, may. */
function checkAlike(
  record: TrainingRecord,
  settings: TrainerSettings,
  identity: string | undefined,
  files: FileSource,
): void {
  const { optimizer, clip, accumulate, seed, adapter } = record.settings;
  const before = { optimizer, clip, accumulate, seed, adapter, batches: record.identity };
  const now = {
    optimizer: settings.optimizer,
    clip: settings.clip,
    accumulate: settings.accumulate,
    seed: settings.seed,
    adapter: settings.adapter,
    batches: identity,
  };
  for (const [name, value] of Object.entries(now)) {
    const [is, was] = [JSON.stringify(value), JSON.stringify(before[name as keyof typeof before])];
    if (is === was) continue;
    const [noneWas, noneIs] = name === 'batches' ? ['of no name', 'those of no name'] : ['none', 'none'];
    throw wrong(
      files,
      `it was trained with ${name} ${was ?? noneWas}, and is to go on with ${is ?? noneIs}. Go on as it began`,
      { option: name },
    );
  }
}

function wrong(files: FileSource, what: string, facts: Record<string, unknown>): ModelFormatError {
  return new ModelFormatError(`${files.name}/${trainingFile}: ${what}.`, { facts: { source: files.name, ...facts } });
}
