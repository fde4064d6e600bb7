import type { TextSegment } from '../tokenizer/tokenizer.ts';
import type { TemplateVariables } from './conversation.ts';
import { freeCharacters } from './free-characters.ts';

/** Variables with every text of others replaced by one private use character each. */
export interface MaskedConversation {
  readonly variables: TemplateVariables;
  /** The texts, in the order of their characters. */
  readonly texts: readonly string[];
  /** Code point of the first character. */
  readonly start: number;
}

/** Names that templates branch on; they cannot spell a special token. */
const plainName = /^[A-Za-z][\w-]{0,63}$/;
/** Keys that a template may print; anything else is masked like a text. */
const plainKey = /^[\w.$-]{1,64}$/;

/** The texts of a conversation that come from outside: all strings but roles, types and the names among the settings. */
function mapTexts(variables: TemplateVariables, replace: (text: string) => string): TemplateVariables {
  const walk = (value: unknown, key: string, isSetting: boolean): unknown => {
    if (typeof value === 'string')
      return (isSetting || key === 'role' || key === 'type') && plainName.test(value) ? value : replace(value);
    if (Array.isArray(value)) return value.map((item) => walk(item, key, isSetting));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [
        plainKey.test(name) ? name : replace(name),
        walk(item, name, isSetting),
      ]),
    );
  };
  const trusted = ['bos_token', 'eos_token'];
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [
      name,
      trusted.includes(name) ? value : walk(value, name, name !== 'messages' && name !== 'tools'),
    ]),
  );
}

/** The texts that come from outside. */
export function textsOf(variables: TemplateVariables): string[] {
  const texts: string[] = [];
  mapTexts(variables, (text) => {
    texts.push(text);
    return text;
  });
  return texts;
}

/**
 * Masks the texts of a conversation. White space around a text stays, so that a template that trims does to the mask what it does to the text.
 *
 * @returns undefined if there is no room for the masks.
 */
export function maskConversation(variables: TemplateVariables, template: string): MaskedConversation | undefined {
  const count = textsOf(variables).length;
  const start = freeCharacters(count, [JSON.stringify(variables), template]);
  if (start === undefined) return undefined;
  const texts: string[] = [];
  const masked = mapTexts(variables, (text) => {
    const core = text.trim();
    if (core === '') return text; // white space spells nothing, and an empty text must stay empty for the template's tests
    const from = text.indexOf(core);
    texts.push(core);
    return text.slice(0, from) + String.fromCodePoint(start + texts.length - 1) + text.slice(from + core.length);
  });
  return { variables: masked, texts, start };
}

/**
 * Puts the texts back into a rendered conversation, as segments.
 *
 * @param rendered - rendered with the masked variables.
 * @param plain - rendered with the real ones.
 * @returns undefined if the two differ in more than the masks: then the template looked at a text, and the masks say nothing.
 */
export function unmask(
  { texts, start }: MaskedConversation,
  rendered: string,
  plain: string,
): TextSegment[] | undefined {
  const segments: TextSegment[] = [];
  let at = 0;
  let literal = '';
  for (const char of rendered) {
    const text = texts[(char.codePointAt(0) as number) - start];
    if (text === undefined) {
      literal += char;
      if (!plain.startsWith(char, at)) return undefined;
      at += char.length;
      continue;
    }
    // Inside JSON the text is escaped. If both forms differ, they differ at the first escape, so at most one of them fits.
    const shown = [text, JSON.stringify(text).slice(1, -1)].find((form) => plain.startsWith(form, at));
    if (shown === undefined) return undefined;
    segments.push({ text: literal, parseSpecial: true }, { text: shown });
    literal = '';
    at += shown.length;
  }
  return at === plain.length ? [...segments, { text: literal, parseSpecial: true }] : undefined;
}
