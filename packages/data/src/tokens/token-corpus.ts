import { DataError } from '../data-error.ts';

type Ids = Uint16Array | Uint32Array;

const chunkLength = 1 << 20;

/** Documents as ids, one after the other in memory: two bytes a token for vocabularies up to 65,536, else four. */
export class TokenCorpus {
  /** How messages call the texts. */
  readonly name: string;
  /** One more than the largest id that may occur. */
  readonly vocabSize: number;
  readonly #chunks: Ids[] = [];
  readonly #starts: number[] = [];
  #length = 0;
  #hash = 0x811c9dc5;

  constructor(name: string, vocabSize: number) {
    this.name = name;
    this.vocabSize = vocabSize;
  }

  /** Number of tokens. */
  get length(): number {
    return this.#length;
  }

  /** Number of documents. */
  get documents(): number {
    return this.#starts.length;
  }

  /** Differs for corpora of other tokens, so that training is not resumed on another text. */
  get identity(): string {
    return `${this.#length}-${this.#starts.length}-${(this.#hash >>> 0).toString(16).padStart(8, '0')}`;
  }

  /** Opens a document; ids that are appended belong to it. */
  startDocument(): void {
    this.#starts.push(this.#length);
  }

  /**
   * Appends ids to the open document.
   *
   * @throws {@link DataError} if an id is not below `vocabSize`.
   */
  append(ids: ArrayLike<number>): void {
    const { vocabSize } = this;
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      if (!Number.isInteger(id) || id < 0 || id >= vocabSize)
        throw new DataError(
          `${this.name}: the tokenizer gave the id ${id}, expected whole numbers below its vocabSize of ${vocabSize}.`,
          { facts: { id, vocabSize } },
        );
      const place = this.#length % chunkLength;
      if (place === 0)
        this.#chunks.push(vocabSize <= 1 << 16 ? new Uint16Array(chunkLength) : new Uint32Array(chunkLength));
      this.#chunks.at(-1)![place] = id;
      this.#hash = Math.imul(this.#hash ^ id, 0x01000193); // FNV-1a
      this.#length++;
    }
  }

  /** Copies `count` ids from `start` on to `into` at `offset`. */
  copy(start: number, count: number, into: Int32Array, offset: number): void {
    for (let done = 0; done < count;) {
      const chunk = this.#chunks[Math.floor((start + done) / chunkLength)]!;
      const place = (start + done) % chunkLength;
      const part = chunk.subarray(place, place + count - done);
      into.set(part, offset + done);
      done += part.length;
    }
  }

  /** First token of a document; of the number of documents, the length. */
  documentStart(document: number): number {
    return this.#starts[document] ?? this.#length;
  }

  /** The document that holds a token. */
  documentOf(token: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! <= token) low = middle;
      else high = middle;
    }
    return low;
  }
}
