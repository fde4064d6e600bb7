interface Group {
  /** Whether some text can be matched in more than one way inside: a quantifier with a choice, or alternatives. */
  variable: boolean;
  /** Quantifiers without an upper bound in the current alternative. */
  unbounded: number;
}

const maxRepeat = 16;
const maxUnbounded = 6;

function quantifierAt(pattern: string, at: number): { length: number; min: number; max: number } | undefined {
  switch (pattern[at]) {
    case '*':
      return { length: 1, min: 0, max: Infinity };
    case '+':
      return { length: 1, min: 1, max: Infinity };
    case '?':
      return { length: 1, min: 0, max: 1 };
    default: {
      const braces = /^\{(\d*)(,?)(\d*)\}/.exec(pattern.slice(at, at + 24));
      if (braces === null || (braces[1] === '' && braces[3] === '')) return undefined;
      const min = Number(braces[1] ?? 0);
      return {
        length: braces[0].length,
        min,
        max: braces[2] === '' ? min : braces[3] === '' ? Infinity : Number(braces[3]),
      };
    }
  }
}

function classEnd(pattern: string, start: number): number {
  let depth = 0;
  for (let at = start; at < pattern.length; at++) {
    if (pattern[at] === '\\') at++;
    else if (pattern[at] === '[') depth++;
    else if (pattern[at] === ']' && --depth === 0) return at + 1;
  }
  return pattern.length;
}

/**
 * Says why a regular expression could take exponential time, or undefined.
 *
 * The rule is coarse and errs towards refusing: a repeated group must match in one way only, so `(a+)+` and `(a|ab)*` are refused. No published
 * tokenizer repeats such a group. What passes takes polynomial time at worst; the length of texts is capped besides.
 */
export function unsafePattern(source: string): string | undefined {
  // The one repeated group with an option that is common: line ends.
  const pattern = source.replaceAll('\\r?\\n', '\\n');
  const groups: Group[] = [{ variable: false, unbounded: 0 }];
  let closed: Group | undefined;
  for (let at = 0; at < pattern.length;) {
    const group = groups.at(-1) as Group;
    const quantifier = at === 0 ? undefined : quantifierAt(pattern, at);
    if (quantifier !== undefined) {
      if (closed?.variable === true && quantifier.max > maxRepeat)
        return 'repeats a group that can match in more than one way';
      if (quantifier.max !== quantifier.min) group.variable = true;
      if (quantifier.max === Infinity && ++group.unbounded > maxUnbounded)
        return `has more than ${maxUnbounded} unbounded repeats in a row`;
      at += quantifier.length;
      if (pattern[at] === '?' || pattern[at] === '+') at++; // lazy or possessive
      closed = undefined;
      continue;
    }
    closed = undefined;
    const char = pattern[at];
    if (char === '\\') {
      const braced = /^\\[pPxu]\{[^}]*\}/.exec(pattern.slice(at, at + 64));
      at += braced?.[0].length ?? 2;
    } else if (char === '[') {
      at = classEnd(pattern, at);
    } else if (char === '(') {
      groups.push({ variable: false, unbounded: 0 });
      at += /^\((?:\?(?:[a-z-]*:|<?[=!]|>|<\w+>))?/.exec(pattern.slice(at, at + 64))?.[0].length ?? 1;
    } else if (char === ')') {
      if (groups.length > 1) {
        closed = groups.pop() as Group;
        const parent = groups.at(-1) as Group;
        parent.variable ||= closed.variable;
        parent.unbounded += closed.unbounded;
        if (parent.unbounded > maxUnbounded * 4) return 'has too many unbounded repeats';
      }
      at++;
    } else {
      if (char === '|') {
        group.variable = true;
        group.unbounded = 0;
      }
      at++;
    }
  }
  return undefined;
}
