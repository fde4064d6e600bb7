/** What happens while a model is loaded, at most every 100 ms for one file. */
export interface ProgressEvent {
  readonly type: 'file-start' | 'file-progress' | 'file-done' | 'total' | 'compile' | 'ready';
  readonly file?: string;
  /** Bytes. */
  readonly loaded: number;
  /** Bytes. */
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

/** Counts bytes and tells of them, not too often. */
export class ProgressMeter {
  readonly #report: OnProgress | undefined;
  readonly #total: number;
  readonly #started = performance.now();
  #loaded = 0;
  #last = -Infinity;

  constructor(report: OnProgress | undefined, total: number) {
    this.#report = report;
    this.#total = total;
    this.#tell('file-start');
  }

  /** `bytes` more have been read. */
  add(bytes: number): void {
    this.#loaded += bytes;
    const now = performance.now();
    if (now - this.#last < interval) return;
    this.#last = now;
    this.#tell('file-progress');
  }

  /** Everything is there. */
  finish(): void {
    this.#loaded = this.#total;
    this.#tell('file-done');
    this.#tell('ready');
  }

  #tell(type: ProgressEvent['type']): void {
    const elapsed = performance.now() - this.#started;
    const ratio = this.#total === 0 ? 1 : this.#loaded / this.#total;
    this.#report?.({
      type,
      loaded: this.#loaded,
      total: this.#total,
      ratio,
      fromCache: false,
      etaMs: ratio > 0 ? (elapsed * (1 - ratio)) / ratio : undefined,
    });
  }
}
