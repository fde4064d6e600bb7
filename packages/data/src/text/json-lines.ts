import { DataError } from '../data-error.ts';
import { cutText } from './cut-text.ts';
import type { TextPiece } from './text-source.ts';

/** Longest line that is parsed, in UTF-16 code units. */
const longestLine = 1 << 27;

function textOf(line: string, field: string, place: string): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new DataError(`${place} is no JSON (${(cause as Error).message}). Each line must be one JSON object.`, {
      cause,
      facts: { place },
    });
  }
  const fields = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  const text: unknown = Object.hasOwn(fields, field) ? (fields as Record<string, unknown>)[field] : undefined;
  if (typeof text === 'string') return text;
  const names = Object.keys(fields);
  throw new DataError(
    `${place} has no text in ${JSON.stringify(field)}; its fields are ${names.length > 0 ? names.slice(0, 8).join(', ') : 'none'}. Name the field that holds the text.`,
    { facts: { place, field, names: names.slice(0, 8) } },
  );
}

/** Documents of a JSONL file: the text in one field of each line. Empty lines and empty texts are passed over. */
export async function* jsonLinePieces(
  chunks: AsyncIterable<{ readonly text: string; readonly read: number }>,
  name: string,
  field: string,
): AsyncGenerator<TextPiece> {
  let rest = '';
  let progress = 0;
  let number = 0;
  function* document(line: string): Generator<TextPiece> {
    number++;
    if (line.trim() === '') return;
    const pieces = [...cutText(textOf(line, field, `${name}: line ${number}`))];
    for (const [i, text] of pieces.entries()) yield { text, end: i === pieces.length - 1, progress };
  }
  for await (const { text, read } of chunks) {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    progress = read;
    for (const line of lines) yield* document(line);
    if (rest.length > longestLine)
      throw new DataError(
        `${name}: line ${number + 1} has more than ${longestLine} characters. Split the document, or give the file as plain text.`,
        { facts: { file: name, line: number + 1 } },
      );
  }
  yield* document(rest);
}
