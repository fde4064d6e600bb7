/** Time of work, in milliseconds, after which a page or a server gets its turn. */
const turn = 25;

/** Lets other work have its turn now and then. The result is to be awaited between two steps. */
export function takeTurns(signal: AbortSignal | undefined, report: () => void): () => Promise<void> | undefined {
  let ends = performance.now() + turn;
  return () => {
    signal?.throwIfAborted();
    if (performance.now() < ends) return undefined;
    report();
    return new Promise((resolve) => setTimeout(resolve)).then(() => {
      signal?.throwIfAborted();
      ends = performance.now() + turn;
    });
  };
}
