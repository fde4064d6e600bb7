import { directorySource } from '@tessera/checkpoints';
import { batchOf, createTrainer } from '@tessera/training';
import { ReportedFailure } from '../../exit-status.ts';
import { loadModel } from '../../load-model.ts';
import { showSeconds } from '../../terminal/numbers.ts';
import { StatusLine } from '../../terminal/status-line.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { writeLine } from '../../terminal/write-text.ts';
import type { DeviceOptions } from '../../devices/device-of.ts';
import { lossTolerance, normTolerance, worstDeviation } from './deviations.ts';
import type { Deviation } from './deviations.ts';
import { readTrajectory } from './trajectory.ts';

/** What a replay is asked for. */
export interface ReplayOptions extends DeviceOptions {
  /** Fewer steps than the reference made. */
  readonly steps?: number;
  readonly json?: boolean;
}

/** Trains as a reference implementation did, from the same weights over the same batches, and compares each step. */
export async function replay(directory: string, options: ReplayOptions, terminal: Terminal): Promise<void> {
  const { signal } = terminal;
  const trajectory = await readTrajectory(await directorySource(directory), signal);
  const steps = Math.min(options.steps ?? Infinity, trajectory.losses.length);
  const model = await loadModel(directory, { ...options, dtype: 'fp32', precompile: false }, terminal);
  const status = new StatusLine(terminal.stderr);
  const started = performance.now();
  const made = { losses: [] as number[], gradientNorms: [] as number[] };
  try {
    let next = 0;
    const batches = {
      next: () => batchOf(trajectory.batches[next++]!),
      position: () => next,
      seek: (position: number) => void (next = position),
    };
    const { optimizer, schedule, clip } = trajectory;
    await using trainer = await createTrainer(model, { batches, optimizer, schedule, clip });
    for await (const { step, loss, gradientNorm } of trainer.train({ until: steps, signal })) {
      made.losses.push(loss);
      made.gradientNorms.push(gradientNorm);
      status.update(() => `step ${step} of ${steps}, loss ${loss.toFixed(4)}`);
    }
  } finally {
    status.clear();
    await model.dispose();
  }
  const loss = worstDeviation(made.losses, trajectory.losses, lossTolerance);
  const gradientNorm = worstDeviation(made.gradientNorms, trajectory.gradientNorms, normTolerance);
  const ok = loss.ok && gradientNorm.ok;
  const { family } = trajectory;
  const { kind: device, name: adapter } = model.device;
  const seconds = (performance.now() - started) / 1000;
  const line = options.json
    ? JSON.stringify({ replay: directory, family, device, adapter, steps, ok, loss, gradientNorm, ...made, seconds })
    : `${ok ? 'ok    ' : 'FAILED'} ${family} on ${adapter}: ${steps} steps, loss ${sentence(loss)}, gradient norm ${sentence(gradientNorm)}, ${showSeconds(seconds)}`;
  await writeLine(terminal.stdout, line);
  if (!ok) throw new ReportedFailure(`${directory}: the trajectory differs.`);
}

function sentence({ relative, tolerance, step }: Deviation): string {
  const percent = (value: number): string => `${Number((100 * value).toPrecision(2))} %`;
  return `within ${percent(relative)} (step ${step}, ${percent(tolerance)} allowed)`;
}
