/** Private use characters of the planes 15 and 16, which no ordinary text has. */
const first = 0xf0000;
const last = 0x10fffd;
const pattern = /[\u{F0000}-\u{10FFFD}]/gu;

/**
 * Finds `count` neighbouring private use characters that none of the texts contains, at a random place, so that no text can be written to hold them.
 *
 * @returns the first code point, or undefined if the texts leave no room.
 */
export function freeCharacters(count: number, texts: readonly string[]): number | undefined {
  const taken = new Set(
    texts.flatMap((text) => text.match(pattern) ?? []).map((char) => char.codePointAt(0) as number),
  );
  const room = last - first + 1 - count;
  if (room <= 0) return undefined;
  for (let attempt = 0; attempt < 64; attempt++) {
    const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
    const start = first + (random % room);
    let free = true;
    for (let code = start; code < start + count && free; code++) free = !taken.has(code);
    if (free) return start;
  }
  return undefined;
}
