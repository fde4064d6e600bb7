import type { Program } from '@tessera/tensor-core';
import { FeatureUnavailableError } from '@tessera/tensor-core';

interface Entry {
  readonly program: Promise<Program>;
  /** Calls that wait for it or run it. */
  users: number;
}

/** A program that is being used. */
export interface HeldProgram {
  readonly program: Program;
  /** Ends the use. Idempotent. */
  release(): void;
}

/** Compiled programs by key. Of more than `most`, the one unused for longest is freed. */
export class ProgramCache {
  readonly #most: number;
  readonly #entries = new Map<string, Entry>();
  #disposed = false;

  constructor(most: number) {
    this.#most = most;
  }

  /**
   * The program of a key, which the first call that asks for it makes. It is not freed while it is held.
   * @throws {@link FeatureUnavailableError} when the cache was disposed, also while the program was being compiled
   */
  async hold(key: string, make: () => Promise<Program>): Promise<HeldProgram> {
    if (this.#disposed) throw disposed();
    const entry = this.#entries.get(key) ?? { program: make(), users: 0 };
    // Last in the map is what was used last.
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.users++;
    for (const [oldest, { users, program }] of this.#entries) {
      if (this.#entries.size <= this.#most) break;
      if (users > 0) continue;
      this.#entries.delete(oldest);
      void free(program);
    }
    let held = true;
    const release = (): void => {
      if (held) entry.users--;
      held = false;
    };
    try {
      const program = await entry.program.catch((error: unknown) => {
        // A failed compilation is tried again by the next call.
        if (this.#entries.get(key) === entry) this.#entries.delete(key);
        throw error;
      });
      if (this.#disposed) throw disposed();
      return { program, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Holds the program of a key for one use. What `use` does with it at once, is done in one turn. */
  async use<T>(key: string, make: () => Promise<Program>, use: (program: Program) => T): Promise<Awaited<T>> {
    const { program, release } = await this.hold(key, make);
    try {
      return await use(program);
    } finally {
      release();
    }
  }

  /** Frees all programs, those that are still being compiled included. Idempotent. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all(entries.map(({ program }) => free(program)));
  }
}

function disposed(): FeatureUnavailableError {
  return new FeatureUnavailableError('The model was disposed. Load it again.');
}

/** What failed to compile has nothing to free. */
async function free(program: Promise<Program>): Promise<void> {
  await program.then(
    (made) => made.dispose(),
    () => {},
  );
}
