import { literalScanner } from '../tokenizer/literal-scanner.ts';
import type { TextSegment } from '../tokenizer/tokenizer.ts';
import type { TemplateVariables } from './conversation.ts';
import { freeCharacters } from './free-characters.ts';

/** A template whose own special tokens are replaced by one private use character each, with the same done to `bos_token` and `eos_token`. */
export interface MarkedTemplate {
  readonly template: string;
  readonly variables: TemplateVariables;
  readonly controls: readonly string[];
  readonly start: number;
}

/** Marks the special tokens that the template writes. Returns undefined if there is no room for the marks. */
export function markTemplate(
  template: string,
  variables: TemplateVariables,
  controlTokens: ReadonlySet<string>,
): MarkedTemplate | undefined {
  const controls = [...controlTokens];
  const start = freeCharacters(controls.length, [JSON.stringify(variables), template]);
  if (start === undefined) return undefined;
  const scanner = literalScanner(controls);
  const index = new Map(controls.map((control, i) => [control, i]));
  const mark = (text: string): string => {
    let marked = '';
    let end = 0;
    for (const { start: at, literal } of scanner.scan(text)) {
      marked += text.slice(end, at) + String.fromCodePoint(start + (index.get(literal) as number));
      end = at + literal.length;
    }
    return marked + text.slice(end);
  };
  const named = Object.fromEntries(
    ['bos_token', 'eos_token']
      .filter((name) => typeof variables[name] === 'string')
      .map((name) => [name, mark(variables[name] as string)]),
  );
  return { template: mark(template), variables: { ...variables, ...named }, controls, start };
}

function count(texts: readonly string[], controls: readonly string[]): Map<string, number> {
  const scanner = literalScanner(controls);
  const counts = new Map<string, number>();
  for (const text of texts)
    for (const { literal } of scanner.scan(text)) counts.set(literal, (counts.get(literal) ?? 0) + 1);
  return counts;
}

/**
 * Reads a conversation that was rendered with a marked template: marks are special tokens, everything else is text.
 *
 * @param plain - rendered with the template as it is.
 * @param texts - the texts of the conversation.
 * @returns undefined if the marks changed what the template does, or if a special token stands in the result that neither a mark nor the spelling in a
 *   text explains: the template built it from parts, and whether it is meant cannot be told.
 */
export function unmark(
  { controls, start }: MarkedTemplate,
  rendered: string,
  plain: string,
  texts: readonly string[],
): TextSegment[] | undefined {
  const segments: TextSegment[] = [];
  const explained = count(texts, controls);
  let text = '';
  for (const char of rendered) {
    const control = controls[(char.codePointAt(0) as number) - start];
    if (control === undefined) {
      text += char;
      continue;
    }
    segments.push({ text }, { text: control, parseSpecial: true });
    explained.set(control, (explained.get(control) ?? 0) + 1);
    text = '';
  }
  segments.push({ text });
  if (segments.map((segment) => segment.text).join('') !== plain) return undefined;
  const unexplained = [...count([plain], controls)].some(([control, times]) => times > (explained.get(control) ?? 0));
  return unexplained ? undefined : segments;
}
