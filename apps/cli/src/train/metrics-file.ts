import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What is written of a step, or of an evaluation after it. */
export interface Metric {
  readonly step: number;
  readonly loss?: number;
  readonly gradientNorm?: number;
  readonly learningRate?: number;
  readonly tokens?: number;
  readonly tokensPerSecond?: number;
  readonly validationLoss?: number;
  readonly perplexity?: number;
}

const file = 'metrics.jsonl';

/** `metrics.jsonl` of a training: a line for each step, and one for each evaluation. */
export class MetricsFile {
  readonly metrics: Metric[];
  readonly #path: string;

  private constructor(path: string, metrics: Metric[]) {
    this.#path = path;
    this.metrics = metrics;
  }

  /** Begins the file anew, or goes on after a step: what was written of later ones, before a crash, is dropped. */
  static async open(directory: string, after: number): Promise<MetricsFile> {
    const path = join(directory, file);
    const text = after === 0 ? '' : await readFile(path, 'utf8').catch(() => '');
    const kept = text.split('\n').flatMap((line): Metric[] => {
      const metric = parsed(line);
      return metric && metric.step <= after ? [metric] : [];
    });
    await writeFile(path, kept.map((metric) => `${JSON.stringify(metric)}\n`).join(''));
    return new MetricsFile(path, kept);
  }

  /** Infinity before the first evaluation. */
  get lowestValidationLoss(): number {
    return this.metrics.reduce((lowest, { validationLoss = Infinity }) => Math.min(lowest, validationLoss), Infinity);
  }

  async add(metric: Metric): Promise<void> {
    this.metrics.push(metric);
    await appendFile(this.#path, `${JSON.stringify(metric)}\n`);
  }
}

/** A line that a crash cut short is none. */
function parsed(line: string): Metric | undefined {
  try {
    return line === '' ? undefined : (JSON.parse(line) as Metric);
  } catch {
    return undefined;
  }
}
