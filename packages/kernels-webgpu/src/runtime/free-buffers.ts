/** A buffer with what has to be known of it: asking the buffer itself leaves JavaScript. */
export interface KnownBuffer {
  readonly buffer: GPUBuffer;
  /** Bytes. */
  readonly size: number;
  /** Of those that were made later it is greater. */
  readonly number: number;
}

/** Free buffers, of which the one that was made first is taken first, whatever was given back last. */
export class FreeBuffers {
  /** By size, each list from what was made last to what was made first. */
  readonly #lists = new Map<number, KnownBuffer[]>();

  /** The one of a size that would be taken next. */
  first(size: number): KnownBuffer | undefined {
    return this.#lists.get(size)?.at(-1);
  }

  /** Takes the first one of a size. */
  take(size: number): KnownBuffer | undefined {
    return this.#lists.get(size)?.pop();
  }

  add(known: KnownBuffer): void {
    const list = this.#lists.get(known.size);
    if (list) list.splice(placeIn(list, known), 0, known);
    else this.#lists.set(known.size, [known]);
  }

  /** Takes this one out, if it is there. */
  remove(known: KnownBuffer): boolean {
    const list = this.#lists.get(known.size);
    const at = list ? placeIn(list, known) : 0;
    if (list?.[at] !== known) return false;
    list.splice(at, 1);
    return true;
  }

  /** Takes all of them. */
  takeAll(): KnownBuffer[] {
    const all: KnownBuffer[] = [];
    for (const list of this.#lists.values()) while (list.length > 0) all.push(list.pop()!);
    return all;
  }
}

/** Where a buffer stands in a list, or would. */
function placeIn(list: readonly KnownBuffer[], { number }: KnownBuffer): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle]!.number > number) low = middle + 1;
    else high = middle;
  }
  return low;
}
