export { createTrainer } from './create-trainer.ts';
export type { Trainer, TrainingProgress } from './trainer.ts';
export type { TrainerOptions, TrainerSettings } from './trainer-options.ts';
export type { Evaluation, TrainCall, TrainingEvent } from './training-event.ts';
export type { Adapter, AdapterLossCall, SaveAdapterCall } from './adapter.ts';
export { batchOf, batchesOf } from './batch-source.ts';
export type { BatchSource, TrainingBatch } from './batch-source.ts';
export { scheduleFactor } from './schedule.ts';
export type { Schedule } from './schedule.ts';
export type {
  AdamWOptions,
  AdamWSettings,
  Decayed,
  MuonOptions,
  MuonSettings,
  OptimizerOptions,
  OptimizerSettings,
  SgdOptions,
  SgdSettings,
} from './optimizers/optimizer-options.ts';
export type { NewtonSchulz } from './optimizers/orthogonalize.ts';
export type { BatchLoss, BatchTensors } from './step/next-token-loss.ts';
export type { TrainingState } from './step/training-state.ts';
export type { ByPath, Slots } from './optimizers/update-rule.ts';
export { saveTraining } from './checkpoint/save-training.ts';
export type { SaveTrainingOptions } from './checkpoint/save-training.ts';
export { readTrainingRecord, resumeTraining } from './checkpoint/resume-training.ts';
export type { TrainingRecord } from './checkpoint/resume-training.ts';
