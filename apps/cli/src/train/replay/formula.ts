/** What a formula may call, and how many arguments it gives: at least one where it says 0. */
const functions: Readonly<Record<string, { readonly takes: number; readonly of: (...values: number[]) => number }>> = {
  min: { takes: 0, of: Math.min },
  max: { takes: 0, of: Math.max },
  cos: { takes: 1, of: Math.cos },
  exp: { takes: 1, of: Math.exp },
  sqrt: { takes: 1, of: Math.sqrt },
};

const constants: Readonly<Record<string, number>> = { pi: Math.PI };

/** A formula of one variable, ready to be computed. */
export type Formula = (variable: number) => number;

/**
 * Reads a formula such as `min(1,(step+1)/10)`: numbers, one variable, + − * / **, brackets, min, max, cos, exp, sqrt and pi.
 * @returns the formula, or what was not understood of it
 */
export function readFormula(text: string, variable: string): Formula | { readonly unknown: string } {
  const words = text.match(/\d+(?:\.\d+)?(?:e[+-]?\d+)?|[a-zA-Z_][\w.]*|\*\*|[-+*/(),]|\S/g) ?? [];
  try {
    const reader = new FormulaReader(words, variable);
    return reader.read();
  } catch (error) {
    if (error instanceof Unknown) return { unknown: error.word };
    throw error;
  }
}

class Unknown extends Error {
  readonly word: string;

  constructor(word: string | undefined) {
    super();
    this.word = word ?? 'its end';
  }
}

class FormulaReader {
  readonly #words: readonly string[];
  readonly #variable: string;
  #at = 0;

  constructor(words: readonly string[], variable: string) {
    this.#words = words;
    this.#variable = variable;
  }

  read(): Formula {
    const formula = this.#sum();
    if (this.#at < this.#words.length) throw new Unknown(this.#words[this.#at]);
    return formula;
  }

  #sum(): Formula {
    let left = this.#product();
    for (;;) {
      const [a, sign] = [left, this.#take('+', '-')];
      if (sign === undefined) return a;
      const b = this.#product();
      left = sign === '+' ? (x) => a(x) + b(x) : (x) => a(x) - b(x);
    }
  }

  #product(): Formula {
    let left = this.#signed();
    for (;;) {
      const [a, sign] = [left, this.#take('*', '/')];
      if (sign === undefined) return a;
      const b = this.#signed();
      left = sign === '*' ? (x) => a(x) * b(x) : (x) => a(x) / b(x);
    }
  }

  #signed(): Formula {
    if (this.#take('-') === undefined) return this.#power();
    const value = this.#signed();
    return (x) => -value(x);
  }

  #power(): Formula {
    const base = this.#value();
    if (this.#take('**') === undefined) return base;
    const exponent = this.#signed();
    return (x) => base(x) ** exponent(x);
  }

  #value(): Formula {
    const word = this.#words[this.#at++];
    if (word === undefined) throw new Unknown(word);
    if (word === '(') {
      const inner = this.#sum();
      this.#expect(')');
      return inner;
    }
    if (/^\d/.test(word)) {
      const number = Number(word);
      return () => number;
    }
    if (word === this.#variable) return (x) => x;
    const name = word.replace(/^math\./, '');
    if (Object.hasOwn(constants, name)) return () => constants[name]!;
    if (Object.hasOwn(functions, name)) return this.#call(name);
    throw new Unknown(word);
  }

  #call(name: string): Formula {
    const { takes, of } = functions[name]!;
    this.#expect('(');
    const given = [this.#sum()];
    while (this.#take(',') !== undefined) given.push(this.#sum());
    this.#expect(')');
    if (takes !== 0 && given.length !== takes) throw new Unknown(`${name} of ${given.length} values`);
    return (x) => of(...given.map((each) => each(x)));
  }

  #take(...known: readonly string[]): string | undefined {
    const word = this.#words[this.#at];
    if (word === undefined || !known.includes(word)) return undefined;
    this.#at++;
    return word;
  }

  #expect(word: string): void {
    if (this.#take(word) === undefined) throw new Unknown(this.#words[this.#at]);
  }
}
