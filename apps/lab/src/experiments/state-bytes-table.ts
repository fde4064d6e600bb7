import { table } from '../report/text.ts';
import type { StateBytesRow } from './state-bytes.ts';

/** Bytes of each mixer's state after each number of tokens, and what a token adds between the first and the last of them. */
export function stateBytesTable(tokens: readonly number[], rows: readonly StateBytesRow[]): string {
  const [first, last] = [tokens[0]!, tokens.at(-1)!];
  const cells = rows.map(({ mixer, bytes }) => {
    const growth = last === first ? 0 : (bytes.at(-1)! - bytes[0]!) / (last - first);
    return [
      mixer,
      ...bytes.map((each) => each.toLocaleString('en-US')),
      growth === 0 ? 'constant' : `${growth.toLocaleString('en-US')} bytes a token`,
    ];
  });
  const head = tokens.map((count) => `${count.toLocaleString('en-US')} tokens, bytes`);
  return `${table(['mixer', ...head, 'growth'], cells)}\n`;
}
