/**
 * How a control token is spelled inside the library: four lone low surrogates.
 *
 * The library finds added tokens by their text, wherever they stand. With this spelling no text can name one, since text is made
 * well-formed first; where a control token is meant, its spelling is put in. All lengths are equal, so none is a prefix of another.
 */
export function controlSpelling(id: number): string {
  const digit = (value: number): string => String.fromCharCode(0xdc00 + (value % 1023));
  return `\uDFFF${digit(Math.floor(id / 1023 ** 2))}${digit(Math.floor(id / 1023))}${digit(id)}`;
}
