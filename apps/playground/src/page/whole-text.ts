/** Characters after which a part becomes a blob. */
const partLength = 1 << 16;

/** A text as long as it becomes. All but its end lies in blobs, which a browser may keep outside of its memory. */
export class WholeText {
  #parts: Blob[] = [];
  #open: string[] = [];
  #length = 0;

  /** Begins anew. */
  begin(text: string): void {
    this.#parts = [];
    this.#open = [text];
    this.#length = text.length;
  }

  append(text: string): void {
    this.#open.push(text);
    this.#length += text.length;
    if (this.#length < partLength) return;
    this.#parts.push(new Blob(this.#open));
    this.#open = [];
    this.#length = 0;
  }

  /** All of it, as it is now. */
  blob(): Blob {
    return new Blob([...this.#parts, ...this.#open], { type: 'text/plain' });
  }
}
