import { table } from '../report/text.ts';
import type { StateBytesRow } from './state-bytes.ts';

/** Bytes of each mixer's state after each number of tokens, and what a token adds between the first and the last of them. */
export function stateBytesTable(counted: readonly (readonly StateBytesRow[])[]): string {
  const [first, last] = [counted[0] ?? [], counted.at(-1) ?? []];
  const rows = first.map(({ mixer, bytes, tokens }, index) => {
    const end = last[index]!;
    const growth = end.tokens === tokens ? 0 : (end.bytes - bytes) / (end.tokens - tokens);
    return [
      mixer,
      ...counted.map((each) => each[index]!.bytes.toLocaleString('en-US')),
      growth === 0 ? 'constant' : `${growth.toLocaleString('en-US')} bytes a token`,
    ];
  });
  const head = counted.map((each) => `${each[0]!.tokens.toLocaleString('en-US')} tokens, bytes`);
  return `${table(['mixer', ...head, 'growth'], rows)}\n`;
}
