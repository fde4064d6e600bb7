import type { DecoderStage } from './decoder-stage.ts';

/** Byte of each character of the byte-level alphabet of GPT-2: printable bytes stand for themselves, the others follow from U+0100 on. */
function byteAlphabet(): Int16Array {
  const bytes = new Int16Array(324).fill(-1);
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    bytes[printable ? byte : next++] = byte;
  }
  return bytes;
}

/** The bytes of a byte-level token; a token with a character outside the alphabet is taken as ordinary text. */
function bytesOf(token: string, alphabet: Int16Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = alphabet[token.charCodeAt(i)] ?? -1;
    if (byte < 0) return new TextEncoder().encode(token);
    bytes[i] = byte;
  }
  return bytes;
}

/** Joins the bytes of byte-level tokens and decodes them as UTF-8; bytes that are none become U+FFFD. */
export function byteLevelStage(): DecoderStage {
  const alphabet = byteAlphabet();
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  return {
    push(text, added, emit) {
      if (added) emit(utf8.decode() + text, true);
      else emit(utf8.decode(bytesOf(text, alphabet), { stream: true }), false);
    },
    flush: (emit) => emit(utf8.decode(), false),
  };
}
