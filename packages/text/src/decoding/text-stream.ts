import { wellFormed } from '../tokenizer/well-formed.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { CompiledDecoder } from './compile-decoder.ts';
import type { DecoderStage, Emit } from './decoder-stage.ts';

/** How ids become text. */
export interface TextStreamOptions {
  /**
   * Leaves special tokens out of the text.
   * @defaultValue true
   */
  readonly skipSpecialTokens?: boolean;
}

/**
 * Decodes ids one at a time. All pieces together are what {@link Tokenizer.decode} makes of all ids.
 */
export interface TextStream {
  /** Takes an id; returns the text that is certain now, often '' while a character is incomplete. Never part of a character. */
  push(id: number): string;
  /** Ends the sequence: returns what was held back. The stream is then as new. */
  flush(): string;
}

/** What a stream needs of its tokenizer. */
export interface TokenTable {
  readonly tokens: readonly (string | undefined)[];
  readonly addedIds: ReadonlySet<number>;
  readonly specialIds: ReadonlySet<number>;
  readonly decoder: CompiledDecoder;
}

/** Chains stages: each emits into the next, the last into `emit`. */
function chain(stages: readonly DecoderStage[], emit: Emit): Emit[] {
  const entries: Emit[] = [emit];
  for (const stage of stages.toReversed()) {
    const next = entries[0] as Emit;
    entries.unshift((text, added) => stage.push(text, added, next));
  }
  return entries;
}

export function openTextStream(table: TokenTable, { skipSpecialTokens = true }: TextStreamOptions = {}): TextStream {
  const { tokens, addedIds, specialIds, decoder } = table;
  let ready = '';
  let stages: DecoderStage[] = [];
  let entries: Emit[] = [];
  const open = (): void => {
    stages = decoder();
    entries = chain(stages, (text) => {
      ready += text;
    });
  };
  const take = (): string => {
    const text = ready;
    ready = '';
    return text;
  };
  open();
  return {
    push(id) {
      const token = tokens[id];
      if (token === undefined || (skipSpecialTokens && specialIds.has(id))) return '';
      (entries[0] as Emit)(wellFormed(token), addedIds.has(id));
      return take();
    },
    flush() {
      for (const [index, stage] of stages.entries()) stage.flush(entries[index + 1] as Emit);
      open();
      return take();
    },
  };
}

/**
 * Opens a decoder that takes one id at a time, for showing text while it is generated.
 *
 * {@includeCode ../../examples/stream.ts#stream}
 */
export function createTextStream(tokenizer: Tokenizer, options?: TextStreamOptions): TextStream {
  return tokenizer.openTextStream(options);
}
