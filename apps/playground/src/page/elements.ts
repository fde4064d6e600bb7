/**
 * An element of index.html.
 * @throws Error when there is none of that id and kind
 */
export function element<E extends HTMLElement>(id: string, kind: { new (): E }): E {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`index.html has no ${kind.name} with the id ${id}.`);
  return found;
}

/** Writes only what changed: a screen reader hears of every write. What a model says is never markup. */
export function write(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** Buttons that are switched off or hidden while they have the focus hand it on. */
export function keepFocus(enable: () => void, next: () => HTMLElement): void {
  const focused = document.activeElement;
  enable();
  if (focused instanceof HTMLButtonElement && (focused.disabled || focused.hidden)) next().focus();
}
