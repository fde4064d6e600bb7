import type { DecoderStage } from './decoder-stage.ts';

const byteToken = /^<0x([0-9A-Fa-f]{2})>$/;

/**
 * Decodes runs of byte tokens (`<0xE2>`) as UTF-8.
 *
 * Bytes that are no UTF-8 become U+FFFD one damaged sequence at a time. The reference replaces every byte of a run with one bad byte in it, also those
 * already shown; a stream cannot take those back.
 */
export function byteFallbackStage(): DecoderStage {
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  return {
    push(text, added, emit) {
      const byte = byteToken.exec(text)?.[1];
      if (byte !== undefined) {
        emit(utf8.decode(Uint8Array.of(Number.parseInt(byte, 16)), { stream: true }), false);
        return;
      }
      const broken = utf8.decode();
      if (broken !== '') emit(broken, false);
      emit(text, added);
    },
    flush: (emit) => emit(utf8.decode(), false),
  };
}
