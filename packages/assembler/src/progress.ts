/**
 * What happens while a model is loaded. Of each file: `file-start`, `file-progress` at most every 100 ms, `file-done`; of all
 * together: `total` at most every 100 ms and once at the end; then `ready`. A bar shows `total` and `ready`. Where a device
 * compiles beside the host, `compile` comes meanwhile, once for each step that is ready; it counts steps, not bytes.
 */
export interface ProgressEvent {
  readonly type: 'file-start' | 'file-progress' | 'file-done' | 'total' | 'compile' | 'ready';
  /** Name of the file, for events of one file. */
  readonly file?: string;
  /** Bytes of tensors read so far: of the file, or of all; of `compile`, steps. */
  readonly loaded: number;
  /** Bytes of tensors to be read: of the file, or of all; of `compile`, steps. */
  readonly total: number;
  /** 0 to 1. */
  readonly ratio: number;
  readonly fromCache: boolean;
  /** Milliseconds left, estimated; undefined as long as nothing is known. */
  readonly etaMs: number | undefined;
}

/** Receives {@link ProgressEvent}s. */
export type OnProgress = (event: ProgressEvent) => void;

const interval = 100;

interface Count {
  loaded: number;
  readonly total: number;
  /** When it began. */
  started: number | undefined;
  /** When it was last told of. */
  told: number;
}

/** Counts bytes and tells of them, not too often. */
export class ProgressMeter {
  readonly #report: OnProgress | undefined;
  readonly #files: ReadonlyMap<string, Count>;
  readonly #all: Count;

  /** @param files - bytes that will be read of each file */
  constructor(report: OnProgress | undefined, files: ReadonlyMap<string, number>) {
    this.#report = report;
    this.#files = new Map([...files].map(([file, total]) => [file, newCount(total)]));
    this.#all = newCount([...files.values()].reduce((sum, total) => sum + total, 0));
    this.#all.started = performance.now();
  }

  /** A read from `file` begins. */
  begin(file: string): void {
    const count = this.#files.get(file);
    if (!count || count.started !== undefined) return;
    count.started = performance.now();
    this.#tell('file-start', count, file);
  }

  /** `bytes` more of `file` have been read. */
  add(file: string, bytes: number): void {
    const count = this.#files.get(file);
    if (!count) return;
    count.loaded += bytes;
    this.#all.loaded += bytes;
    if (count.loaded >= count.total) this.#tell('file-done', count, file);
    else this.#tellSometimes('file-progress', count, file);
    this.#tellSometimes('total', this.#all);
  }

  /** So many of the steps were compiled. */
  compiled(ready: number, total: number): void {
    this.#tell('compile', { ...this.#all, loaded: ready, total });
  }

  /** The model can be used. */
  finish(): void {
    this.#tell('total', this.#all);
    this.#tell('ready', this.#all);
  }

  #tellSometimes(type: ProgressEvent['type'], count: Count, file?: string): void {
    if (performance.now() - count.told >= interval) this.#tell(type, count, file);
  }

  #tell(type: ProgressEvent['type'], count: Count, file?: string): void {
    const { loaded, total, started } = count;
    const now = performance.now();
    const ratio = total === 0 ? 1 : loaded / total;
    const elapsed = now - (started ?? now);
    count.told = now;
    this.#report?.({
      type,
      ...(file !== undefined && { file }),
      loaded,
      total,
      ratio,
      fromCache: false,
      etaMs: ratio > 0 ? (elapsed * (1 - ratio)) / ratio : undefined,
    });
  }
}

function newCount(total: number): Count {
  return { loaded: 0, total, started: undefined, told: performance.now() };
}
