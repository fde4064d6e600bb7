import type { StreamedText, TextBlock } from './streamed-text.ts';

/** The elements of a text that grows: a span for each block. Only what is new is added, so that a person can select what stands already. */
export class StreamView {
  readonly #target: HTMLElement;
  /** The text of each block that is shown, by its number. */
  readonly #shown = new Map<number, Text>();

  constructor(target: HTMLElement) {
    this.#target = target;
    target.replaceChildren();
  }

  /** True where something changed. */
  show({ blocks }: StreamedText): boolean {
    const wanted = new Map(blocks.map((block) => [block.number, block]));
    let changed = false;
    for (const [number, node] of this.#shown) {
      const block = wanted.get(number);
      if (block && continues(block, node)) continue;
      node.parentElement!.remove();
      this.#shown.delete(number);
      changed = true;
    }
    for (const block of blocks) {
      const node = this.#shown.get(block.number) ?? this.#add(block);
      if (node.length === block.text.length) continue;
      node.appendData(block.text.slice(node.length));
      changed = true;
    }
    return changed;
  }

  #add({ number, kind }: TextBlock): Text {
    const node = new Text();
    const span = document.createElement('span');
    span.className = kind;
    span.append(node);
    this.#target.append(span);
    this.#shown.set(number, node);
    return node;
  }
}

/** Whether a block goes on from what is shown of it, and is not one of another text. */
function continues({ kind, text }: TextBlock, node: Text): boolean {
  return node.parentElement!.className === kind && text.startsWith(node.data);
}
