import type { Device } from '@tessera/tensor-core';
import { writeText } from './write-results.ts';

/** What a study runs with. */
export interface StudyCall {
  readonly device: Device;
  readonly seeds: readonly number[];
  /** Rejects the run; what was measured until then is kept. */
  readonly signal: AbortSignal;
  /** Told after each thing that was measured. */
  progress(line: string): void;
}

/** An experiment with a table and pictures of its own. */
export interface Study {
  /** Of its files. */
  readonly name: string;
  run(call: StudyCall): Promise<void>;
  /** What was measured so far. */
  finding(): Finding;
}

/**
 * Lets what waits come to its turn, such as SIGINT, before work goes on: on the host nothing else would.
 * @throws `signal.reason`
 */
export async function turn({ device, signal }: Pick<StudyCall, 'device' | 'signal'>): Promise<void> {
  if (device.onHost) await new Promise((done) => setImmediate(done));
  signal.throwIfAborted();
}

/** What a {@link Study} tells. */
export interface Finding {
  /** Tables in Markdown. */
  readonly text: string;
  /** Rows of the tables and points of the pictures. */
  readonly data: unknown;
  /** SVG by what is added to the name of the study in its file; none as long as there is nothing to draw. */
  readonly pictures: Readonly<Record<string, string>>;
}

/** A table in Markdown; columns but the first are numbers. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map((_, index) => (index === 0 ? '---' : '---:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |\n`)
    .join('');
}

/** Those of one key together, in the order of their first. */
export function groupBy<T>(all: readonly T[], keyOf: (each: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const each of all) groups.set(keyOf(each), [...(groups.get(keyOf(each)) ?? []), each]);
  return [...groups.values()];
}

/** Mean of some numbers. */
export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Mean, and of several numbers the lowest and the highest. */
export function spreadText(values: readonly number[], digits = 4): string {
  const text = (value: number): string => value.toFixed(digits);
  if (values.length === 1) return text(values[0]!);
  return `${text(meanOf(values))} [${text(Math.min(...values))}–${text(Math.max(...values))}]`;
}

/** The tables, with the device above them. */
export function findingText(device: string, { text }: Finding): string {
  return `${device}\n\n${text}`;
}

/** Writes tables, JSON and picture into a folder. */
export function writeFinding(folder: string, name: string, device: string, finding: Finding): void {
  writeText(folder, `${name}.md`, findingText(device, finding));
  writeText(
    folder,
    `${name}.json`,
    `${JSON.stringify({ experiment: name, device, ...(finding.data as object) }, undefined, 1)}\n`,
  );
  for (const [added, picture] of Object.entries(finding.pictures)) writeText(folder, `${name}${added}.svg`, picture);
}
