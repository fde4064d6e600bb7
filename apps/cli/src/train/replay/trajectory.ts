import type { FileSource } from '@tessera/checkpoints';
import { openSafetensors, readJson } from '@tessera/checkpoints';
import { ModelFormatError } from '@tessera/tensor-core';
import type { OptimizerOptions, Schedule } from '@tessera/training';
import { readFormula } from './formula.ts';
import { JsonRecord, wrong } from './json-record.ts';
import { readOptimizer } from './reference-optimizer.ts';

const file = 'trajectory.json';
const batchesFile = 'batches.safetensors';

/** A training of a reference implementation: what it was given, and what came of it. */
export interface Trajectory {
  readonly family: string;
  readonly optimizer: OptimizerOptions;
  readonly schedule: Schedule;
  readonly clip: number | false;
  /** Loss of each step, before its update. */
  readonly losses: readonly number[];
  /** Global norm of the gradient at each step, before clipping. */
  readonly gradientNorms: readonly number[];
  /** Windows of each step. */
  readonly batches: readonly (readonly (readonly number[])[])[];
}

/**
 * Reads `trajectory.json` and `batches.safetensors`.
 * @throws {@link ModelFormatError} naming a field or a value that is not understood: it would not be replayed
 */
export async function readTrajectory(source: FileSource, signal: AbortSignal): Promise<Trajectory> {
  const record = new JsonRecord(await readJson(source, file, { signal }), `${source.name}/${file}`);
  const losses = record.numbers('loss');
  const gradientNorms = record.numbers('grad_norm');
  if (losses.length === 0 || losses.length !== gradientNorms.length)
    throw wrong(record.at('grad_norm'), gradientNorms.length, `as many numbers as loss has, which is ${losses.length}`);
  const [rows, context] = [record.number('batch'), record.number('context')];
  checkTokens(record);
  const trajectory = {
    family: record.text('family'),
    optimizer: readOptimizer(record.record('optimizer')),
    schedule: readSchedule(record, losses.length),
    clip: readClip(record),
    losses,
    gradientNorms,
  };
  if (record.has('torch')) record.text('torch');
  record.end();
  return { ...trajectory, batches: await readBatches(source, [losses.length, rows, context + 1], signal) };
}

/** `lr scaled by min(1,(step+1)/10), step from 0`, or `constant`. */
function readSchedule(record: JsonRecord, steps: number): Schedule {
  const text = record.text('schedule');
  if (text === 'constant') return { kind: 'constant' };
  const match = /^lr scaled by (.+), step from ([01])$/.exec(text);
  const formula = match ? readFormula(match[1]!, 'step') : { unknown: text };
  if (typeof formula !== 'function')
    throw wrong(
      record.at('schedule'),
      text,
      `"constant", or "lr scaled by <formula of step>, step from 0"; "${formula.unknown}" is not understood`,
    );
  const first = Number(match![2]);
  return { kind: 'list', factors: Array.from({ length: steps }, (_, step) => formula(step + first)) };
}

function readClip(record: JsonRecord): number | false {
  const value = record.has('clip_grad_norm') ? record.value('clip_grad_norm') : null;
  if (value === null) return false;
  if (typeof value === 'number' && value > 0) return value;
  throw wrong(record.at('clip_grad_norm'), value, 'a number above 0, or null');
}

function checkTokens(record: JsonRecord): void {
  const text = record.text('tokens');
  if (/\binput = batch\[:, :-1\], target = batch\[:, 1:\]$/.test(text)) return;
  throw wrong(record.at('tokens'), text, '"…; input = batch[:, :-1], target = batch[:, 1:]"');
}

async function readBatches(
  source: FileSource,
  expected: readonly [steps: number, rows: number, length: number],
  signal: AbortSignal,
): Promise<Trajectory['batches']> {
  const reader = await openSafetensors(source, { file: batchesFile, signal });
  try {
    const entry = reader.tensors.get('batches');
    const [steps, rows, length] = expected;
    const fits =
      entry?.shape.length === 3 && entry.shape.every((n, axis) => n === expected[axis] || (axis === 0 && n >= steps));
    if (!entry || !fits || (entry.dtype !== 'I64' && entry.dtype !== 'I32'))
      throw new ModelFormatError(
        `${source.name}/${batchesFile}: batches is ${entry ? `${entry.dtype} [${entry.shape.join(', ')}]` : 'missing'}, expected I64 [${expected.join(', ')}] as ${file} says.`,
      );
    const { buffer } = await reader.read('batches', { signal });
    const ids = entry.dtype === 'I64' ? Array.from(new BigInt64Array(buffer), Number) : [...new Int32Array(buffer)];
    return Array.from({ length: steps }, (_, step) =>
      Array.from({ length: rows }, (__, row) => {
        const start = (step * rows + row) * length;
        return ids.slice(start, start + length);
      }),
    );
  } finally {
    await reader.close();
  }
}
