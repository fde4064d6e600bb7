import { UnsupportedOptionError } from '@tessera/tensor-core';
import { createStopMatcher } from '@tessera/text';
import type { StopMatcher, TextStream, Tokenizer } from '@tessera/text';

/** Ids to text that is certain, watched for stop texts. Without a tokenizer there is no text. */
export class TextWriter {
  readonly #stream: TextStream | undefined;
  readonly #stops: StopMatcher | undefined;
  #text = '';
  #stop: string | undefined;

  /** @throws {@link UnsupportedOptionError} for stop texts without a tokenizer */
  constructor(tokenizer: Tokenizer | undefined, stop: string | readonly string[] = []) {
    const stops = typeof stop === 'string' ? [stop] : stop;
    if (stops.length > 0 && !tokenizer)
      throw new UnsupportedOptionError(
        'generate: stop texts need a tokenizer, which the checkpoint does not have. Use stopTokenIds.',
        { facts: { option: 'stop', value: stop } },
      );
    this.#stream = tokenizer?.openTextStream();
    this.#stops = stops.length > 0 ? createStopMatcher(stops) : undefined;
  }

  /** The text so far, without a stop text. */
  get text(): string {
    return this.#text;
  }

  /** The stop text that was completed. */
  get stop(): string | undefined {
    return this.#stop;
  }

  /** Takes the next id; returns the text that is certain now. */
  push(id: number): string {
    return this.#emit(this.#stream?.push(id) ?? '');
  }

  /** Ends the text; returns what was held back. */
  flush(): string {
    if (this.#stop !== undefined) return '';
    const last = this.#emit(this.#stream?.flush() ?? '');
    if (this.#stop !== undefined) return last;
    const held = this.#stops?.flush() ?? '';
    this.#text += held;
    return last + held;
  }

  #emit(piece: string): string {
    const step = this.#stops?.push(piece) ?? { text: piece, stopped: false };
    if (step.stopped) this.#stop ??= step.stop;
    this.#text += step.text;
    return step.text;
  }
}
