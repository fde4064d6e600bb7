/** One literal that was found. */
interface LiteralMatch {
  readonly start: number;
  readonly literal: string;
}

/** Finds literals in a text: the leftmost first, the longest of those that start together, none overlapping. */
export interface LiteralScanner {
  scan(text: string): Generator<LiteralMatch>;
}

export function literalScanner(literals: Iterable<string>): LiteralScanner {
  // By first code unit, longest first: few literals share one in ordinary text, so that most positions cost one lookup.
  const byFirst = new Map<number, string[]>();
  for (const literal of new Set(literals)) {
    if (literal === '') continue;
    const first = literal.charCodeAt(0);
    const same = byFirst.get(first);
    if (same === undefined) byFirst.set(first, [literal]);
    else same.push(literal);
  }
  for (const same of byFirst.values()) same.sort((a, b) => b.length - a.length);
  return {
    *scan(text) {
      for (let start = 0; start < text.length;) {
        const literal = byFirst.get(text.charCodeAt(start))?.find((candidate) => text.startsWith(candidate, start));
        if (literal !== undefined) yield { start, literal };
        start += literal?.length ?? 1;
      }
    },
  };
}
