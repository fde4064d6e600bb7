import type { Model } from '@tessera/assembler';
import type { Device } from '@tessera/tensor-core';
import type { BatchSource, OptimizerOptions, Trainer } from '@tessera/training';
import { createTrainer } from '@tessera/training';
import type { ModelShape } from './model-of.ts';
import { modelOf } from './model-of.ts';

/** One training of an experiment. */
export interface RunPlan {
  readonly mixer: string;
  readonly seed: number;
  readonly shape: ModelShape;
  readonly steps: number;
  readonly learningRate: number;
  /** In nats, per cent, or whatever the experiment measures; the name says it. */
  measure(trainer: Trainer): Promise<Readonly<Record<string, number>>>;
  batches(): BatchSource;
}

/** What came of a {@link RunPlan}. */
export interface RunResult {
  readonly mixer: string;
  readonly seed: number;
  /** Width of the residual stream. */
  readonly width: number;
  readonly parameters: number;
  readonly steps: number;
  /** Tokens seen. */
  readonly tokens: number;
  readonly seconds: number;
  readonly lastLoss: number;
  readonly measured: Readonly<Record<string, number>>;
}

/** Trains and measures once. */
export async function runPlan(plan: RunPlan, device: Device, signal: AbortSignal): Promise<RunResult> {
  const { mixer, seed, shape, steps, learningRate } = plan;
  await using model: Model = await modelOf(mixer, shape, device, seed);
  const optimizer: OptimizerOptions = { kind: 'adamw', learningRate, weightDecay: 0.1 };
  const warmup = Math.min(100, Math.floor(steps / 10));
  await using trainer = await createTrainer(model, {
    batches: plan.batches(),
    optimizer,
    schedule: { kind: 'cosine', warmup, steps, floor: 0.02 },
    seed,
  });
  const started = performance.now();
  let lastLoss = Number.NaN;
  for await (const { loss } of trainer.train({ until: steps, signal })) lastLoss = loss;
  const seconds = (performance.now() - started) / 1000;
  const { tokens } = trainer.progress;
  const measured = await plan.measure(trainer);
  const { parameters } = model.memory;
  return { mixer, seed, width: shape.width, parameters, steps, tokens, seconds, lastLoss, measured };
}
