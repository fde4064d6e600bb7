import type { Slots } from './cast.ts';
import type { StoryRandom } from './story-random.ts';

const article = (text: string): string => `${/^([aeiou]|honest)/i.test(text) ? 'an' : 'a'} ${text}`;

/** Begins sentences and quotations with a capital; after a quotation that ends in ? or ! the sentence goes on, as in “asked”. */
const capitals = (text: string): string =>
  text.replace(/(^|[.!?] |\." |(^|\s)")[a-z]/g, (start) => start.slice(0, -1) + start.at(-1)!.toUpperCase());

/**
 * Fills a template. `[one|other]` is one of them; `{slot}` its value, `{a slot}` the same after “a” or “an”. Sentences get their capitals.
 */
export function fill(template: string, slots: Slots, random: StoryRandom): string {
  const chosen = template.replace(/\[([^\]]*)\]/g, (_, choices: string) => random.pick(choices.split('|')));
  const filled = chosen.replace(/\{(a )?([^}]+)\}/g, (_, a: string | undefined, slot: string) => {
    const value = slots[slot];
    if (value === undefined) throw new Error(`A template names ${slot}, which is no slot: ${template}`);
    return a === undefined ? value : article(value);
  });
  return capitals(filled);
}
