/** Characters of the byte-level alphabet of GPT-2: printable bytes stand for themselves, the others follow from U+0100 on. */
export const byteCharacters: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(printable ? byte : next++);
  });
})();

/** Bytes in the order of their characters, which is that of their ids. */
export const bytesInOrder: readonly number[] = Array.from({ length: 256 }, (_, byte) => byte).toSorted(
  (a, b) => byteCharacters[a]!.charCodeAt(0) - byteCharacters[b]!.charCodeAt(0),
);
