const longest = 120;

/** Quotes text that came from a file for a message: control characters escaped, and cut, since a hostile name may be megabytes long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > longest ? `${text.slice(0, longest)}…` : text);
}
