import type { Tensor } from '@tessera/tensor-core';
import { fromHost, packHalf, unpackHalf } from '@tessera/tensor-core';
import type { Row } from '../bench/rows.ts';
import type { Session } from '../bench/session.ts';
import { decodes } from './law-source.ts';
import type { LawSource } from './law-source.ts';

const T = 17;

function threeRows(session: Session, stream: string): Row[] {
  return [0, 1, 2].map((row) => ({ tokens: session.subject.tokens(`${stream} ${row}`, T) }));
}

/** Laws of whole sequences. */
export const forwardLaws: readonly LawSource[] = [
  {
    name: 'forward keeps the shape and stays finite',
    async check(session) {
      const y = await session.forward(threeRows(session, 'shape'));
      for (const [row, positions] of y.entries())
        for (const [position, values] of positions.entries())
          for (let channel = 0; channel < values.length; channel++)
            if (!Number.isFinite(values[channel]))
              session.fail(`row ${row}, position ${position}, channel ${channel} is ${values[channel]}`);
      if (y.flat().every((values) => Array.from(values).every((value) => value === 0)))
        session.fail('every output is zero, so that no other law would show anything');
    },
  },
  {
    name: 'forward takes a sequence of one entry and of none',
    async check(session) {
      const rows = threeRows(session, 'short');
      const first = rows.map(({ tokens }) => ({ tokens: tokens.slice(0, 1) }));
      const y = await session.forward(first);
      session.close(y, await session.alone(first), 'one entry');
      const whole = await session.forward(rows);
      if (decodes(session.subject))
        session.close(
          y,
          whole.map((positions) => positions.slice(0, 1)),
          'one entry',
        );
      if (session.subject.options.empty !== false) await session.forward(rows.map(() => ({ tokens: [] })));
    },
  },
  {
    name: 'rows of a batch do not see each other',
    async check(session) {
      const rows = threeRows(session, 'batch');
      session.close(await session.forward(rows), await session.alone(rows), 'in a batch');
    },
  },
  {
    name: 'padding on either side changes nothing in forward',
    async check(session) {
      const { subject } = session;
      const rows: Row[] = [
        { tokens: subject.tokens('padded 0', 9), start: 4 },
        { tokens: subject.tokens('padded 1', 17) },
        { tokens: [], start: 6 },
        { tokens: subject.tokens('padded 3', 12) },
        { tokens: subject.tokens('padded 4', 5), start: 12 },
      ];
      const y = await session.forward(rows, { n: T });
      session.close(y, await session.alone(rows), 'padded');
      session.same(await session.forward(rows, { n: T, garbage: 2 }), y, 'with other garbage in the padding');
    },
  },
  {
    name: 'packed documents do not see each other',
    applies: ({ options }) => options.segments !== false,
    async check(session) {
      const { subject } = session;
      const lengths = [
        [5, 9, 3],
        [1, 1, 15],
        [7, 2, 1],
      ];
      const documents = lengths.map((row, b) => row.map((length, i) => subject.tokens(`document ${b} ${i}`, length)));
      const rows = documents.map((row, b): Row => ({
        tokens: row.flat(),
        start: b === 2 ? 4 : 0,
        positions: row.flatMap((tokens) => tokens.map((_, i) => i)),
        segments: row.flatMap((tokens, i) => tokens.map(() => [2, 0, 3][i]!)),
      }));
      const y = await session.forward(rows, { n: T });
      const expected = await Promise.all(
        documents.map(async (row, identity) =>
          (await session.alone(row.map((tokens) => ({ tokens, identity })))).flat(),
        ),
      );
      session.close(y, expected, 'packed');
    },
  },
  {
    name: 'weights stored in 16 bits give what the same numbers in 32 bits give',
    async check(session) {
      const { specs } = session.subject;
      const stored: Record<string, Tensor> = {};
      const wide: Record<string, Tensor> = {};
      for (const [name, value] of Object.entries(session.subject.hostParams())) {
        stored[name] = wide[name] = value;
        if (specs[name]!.precise || value.rank < 2 || value.source.kind !== 'host') continue;
        const packed = packHalf('bf16', value.source.data as Float32Array);
        stored[name] = fromHost(packed, value.shape, 'bf16');
        const unpacked = new Float32Array(packed.length);
        unpackHalf('bf16', packed, 0, unpacked, 0, packed.length);
        wide[name] = fromHost(unpacked, value.shape);
      }
      const rows = threeRows(session, 'stored');
      session.close(
        await session.forward(rows, { params: stored }),
        await session.forward(rows, { params: wide }),
        'with weights in bf16',
      );
    },
  },
  {
    name: 'forward is causal to the bit',
    applies: decodes,
    async check(session) {
      const rows = threeRows(session, 'causal');
      const y = await session.forward(rows);
      for (const upTo of [
        [0, 8, 16],
        [3, 4, 12],
      ]) {
        const changed = rows.map(({ tokens }, b) => ({
          tokens: [
            ...tokens.slice(0, upTo[b]! + 1),
            ...session.subject.tokens(`changed ${b}`, T, 2).slice(upTo[b]! + 1),
          ],
        }));
        const other = await session.forward(changed);
        const before = (all: typeof y): typeof y => all.map((positions, b) => positions.slice(0, upTo[b]! + 1));
        session.same(before(other), before(y), `positions up to ${upTo.join(', ')} after a change of what follows`);
      }
    },
  },
];
