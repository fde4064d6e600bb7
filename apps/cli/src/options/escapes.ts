const meanings: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\', '"': '"', "'": "'" };

/** Reads `\n`, `\t`, `\\`, `\u00e9` … in a text from the command line. Other backslashes stay. */
export function readEscapes(text: string): string {
  return text.replace(/\\(u[\da-fA-F]{4}|[^])/g, (spelled, escape: string) =>
    escape.length > 1 ? String.fromCharCode(Number.parseInt(escape.slice(1), 16)) : (meanings[escape] ?? spelled),
  );
}
