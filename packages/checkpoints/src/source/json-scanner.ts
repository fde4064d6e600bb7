import { ModelFormatError } from '@tessera/tensor-core';
import { quote } from './quote.ts';
import { textPlace } from './text-place.ts';

const quoteMark = 0x22;
const backslash = 0x5c;

/**
 * A cursor over JSON text (RFC 8259), for parsers that must see what `JSON.parse` hides: repeated keys, how a number is
 * spelled, how deep it goes, and where it breaks.
 */
export class JsonScanner {
  readonly text: string;
  /** Names the text in messages. */
  readonly file: string;
  /** Most white space between two tokens, in characters. */
  readonly maxSpace: number;
  /** Index of the next character. */
  at = 0;

  constructor(text: string, file: string, maxSpace: number = Infinity) {
    this.text = text;
    this.file = file;
    this.maxSpace = maxSpace;
  }

  /** Skips white space and returns the code of the next character, NaN at the end. */
  peek(): number {
    const { text } = this;
    const start = this.at;
    for (let index = start; ; index++) {
      const code = text.charCodeAt(index);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) {
        this.at = index;
        return code;
      }
      if (index - start >= this.maxSpace) this.fail(`at most ${this.maxSpace} characters of white space`, 'more');
    }
  }

  /** Skips white space and takes `char` if it comes next. */
  take(char: string): boolean {
    if (this.peek() !== char.charCodeAt(0)) return false;
    this.at++;
    return true;
  }

  /** Takes `char`, or fails. */
  expect(char: string, what?: string): void {
    if (!this.take(char)) this.fail(what ?? quoted(char));
  }

  /**
   * Takes a string and returns what it spells, so that two spellings of one key are equal.
   *
   * @param most - most characters between the quotes
   */
  string(what: string, most: number = Infinity): string {
    if (this.peek() !== quoteMark) this.fail(what);
    const { text } = this;
    const start = this.at + 1;
    let escaped = false;
    let index = start;
    for (; ; index++) {
      const code = text.charCodeAt(index);
      if (code === quoteMark) break;
      if (!(code >= 0x20)) this.#failAt(index, 'the rest of a string');
      if (index - start >= most) this.fail(`${what} of at most ${most} characters`, 'a longer one');
      if (code === backslash) {
        escaped = true;
        index++;
      }
    }
    const spelled = escaped ? this.#unescape(text.slice(start - 1, index + 1)) : text.slice(start, index);
    this.at = index + 1;
    return spelled;
  }

  /** Takes a number and returns its spelling. */
  number(what: string): string {
    this.peek();
    const start = this.at;
    if (this.#is(0x2d)) this.at++;
    if (this.#is(0x30)) this.at++;
    else this.#digits(what);
    if (this.#is(0x2e)) {
      this.at++;
      this.#digits('a digit');
    }
    if (this.#is(0x65) || this.#is(0x45)) {
      this.at++;
      if (this.#is(0x2b) || this.#is(0x2d)) this.at++;
      this.#digits('a digit');
    }
    return this.text.slice(start, this.at);
  }

  /** Takes a whole number from 0 to 2⁵³ − 1, written with digits only, as counts and offsets are. */
  wholeNumber(what: string): number {
    let code = this.peek();
    const start = this.at;
    let value = 0;
    let digits = 0;
    // Seventeen digits are past 2^53 already; a hostile number may have millions.
    for (; code >= 0x30 && code <= 0x39 && digits < 17; digits++) {
      value = value * 10 + code - 0x30;
      code = this.text.charCodeAt(start + digits + 1);
    }
    const goesOn = code === 0x2e || code === 0x65 || code === 0x45; // a fraction or an exponent
    const leadingZero = digits > 1 && this.text.charCodeAt(start) === 0x30;
    if (digits === 0 || digits > 16 || goesOn || leadingZero || !Number.isSafeInteger(value)) {
      const found = /^[-+.\w]{1,24}/.exec(this.text.slice(start, start + 24))?.[0];
      this.fail(`${what}, a whole number from 0 to 2^53 - 1 in digits`, found);
    }
    this.at = start + digits;
    return value;
  }

  /** Throws: the text has something else here than what is expected. */
  fail(expected: string, actual?: string): never {
    this.#failAt(this.at, expected, actual);
  }

  #unescape(literal: string): string {
    let spelled: string;
    try {
      spelled = JSON.parse(literal) as string;
    } catch {
      return this.fail('a string with the escapes of JSON', quote(literal));
    }
    // Half of a pair alone is no character and could not be written back as UTF-8.
    if (/\p{Surrogate}/u.test(spelled)) this.fail('whole surrogate pairs in a string', quote(literal));
    return spelled;
  }

  #digits(what: string): void {
    const start = this.at;
    while (this.text.charCodeAt(this.at) >= 0x30 && this.text.charCodeAt(this.at) <= 0x39) this.at++;
    if (this.at === start) this.fail(what);
  }

  #is(code: number): boolean {
    return this.text.charCodeAt(this.at) === code;
  }

  #failAt(at: number, expected: string, actual?: string): never {
    const place = textPlace(this.text, at);
    const found =
      actual ?? (at < this.text.length ? quoted(String.fromCodePoint(this.text.codePointAt(at) as number)) : 'the end');
    throw new ModelFormatError(
      `${this.file}: ${place}: found ${found}, expected ${expected}. The file is damaged or was written wrongly; fetch or export it again.`,
      { facts: { file: this.file, place, position: at, expected, actual: found } },
    );
  }
}

function quoted(char: string): string {
  return char === '"' ? "'\"'" : JSON.stringify(char);
}
