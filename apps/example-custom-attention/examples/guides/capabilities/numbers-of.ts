/**
 * The value of a formula of numbers, names, ` · `, ` + `, ` − ` and brackets, as the tables show it.
 * @throws Error for anything else
 */
export function numbersOf(formula: string, symbols: Readonly<Record<string, number>>): number {
  const tokens = formula.match(/[A-Za-z]+|\d+|[·+−()]|\S/g) ?? [];
  let at = 0;
  const factor = (): number => {
    const token = tokens[at++];
    if (token === '(') {
      const value = sum();
      if (tokens[at++] !== ')') throw new Error(`${formula}: a bracket is open.`);
      return value;
    }
    const value = /^\d+$/.test(token ?? '') ? Number(token) : symbols[token ?? ''];
    if (value === undefined) throw new Error(`${formula}: '${token}' is no number and no known symbol.`);
    return value;
  };
  const product = (): number => {
    let value = factor();
    for (; tokens[at] === '·'; value *= factor()) at++;
    return value;
  };
  const sum = (): number => {
    let value = product();
    while (tokens[at] === '+' || tokens[at] === '−') value += (tokens[at++] === '+' ? 1 : -1) * product();
    return value;
  };
  const value = sum();
  if (at < tokens.length) throw new Error(`${formula}: '${tokens[at]}' is not expected.`);
  return value;
}
