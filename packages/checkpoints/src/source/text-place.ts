/** Beyond this many characters lines are not counted: a hostile text may have a hundred million of them. */
const farthest = 1 << 22;

/** Names a place of a text as people look for it: `line 3, column 7`, or `character 5000000` in a very long one. */
export function textPlace(text: string, at: number): string {
  if (at > farthest) return `character ${at + 1}`;
  let line = 1;
  let start = 0;
  for (let end = text.indexOf('\n'); end !== -1 && end < at; end = text.indexOf('\n', start)) {
    line++;
    start = end + 1;
  }
  return `line ${line}, column ${at - start + 1}`;
}
