import type { AnyState } from '@tessera/plugin';
import { Draw } from '../bench/draw.ts';
import type { Row, Token } from '../bench/rows.ts';
import type { Session } from '../bench/session.ts';
import { decodes } from './law-source.ts';
import type { LawSource } from './law-source.ts';
import { pathTo, randomTree } from './random-tree.ts';

const n = 7;
const prompts = [6, 9, 0];

async function prompted(session: Session): Promise<{ state: AnyState; committed: Token[][] }> {
  const committed = prompts.map((length, row) => session.subject.tokens(`before the tree ${row}`, length));
  const state = await session.start({ batch: prompts.length, capacity: 9 + n, chunk: 9 });
  const step = await session.step(
    state,
    committed.map((tokens): Row => ({ tokens })),
    { n: 9 },
  );
  return { state: step.state, committed };
}

/** Laws of steps whose positions are a tree. */
export const treeLaws: readonly LawSource[] = [
  {
    name: 'a node of a tree gives what a chain along its path gives',
    applies: decodes,
    async check(session) {
      const { state, committed } = await prompted(session);
      const draw = new Draw(session.subject.seed, 'trees');
      for (const sizes of [
        [n, n, n],
        [n - 2, 0, n - 1],
      ]) {
        const rows = sizes.map((size, row): Row => {
          const parents = randomTree(draw, size);
          const first = committed[row]!.length;
          return {
            tokens: session.subject.tokens(`tree ${row} ${size}`, size),
            parents,
            positions: parents.map((_, node) => first + pathTo(parents, node).length - 1),
            start: row === 0 ? n - size : 0,
          };
        });
        const { y } = await session.step(state, rows, { n });
        const expected = await Promise.all(
          rows.map(({ tokens, parents }, row) =>
            Promise.all(
              tokens.map(async (_, node) => {
                const path = pathTo(parents!, node).map((at) => tokens[at]!);
                const [alone] = await session.alone([{ tokens: [...committed[row]!, ...path], identity: row }]);
                return alone!.at(-1)!;
              }),
            ),
          ),
        );
        session.close(y, expected, `trees ${JSON.stringify(rows.map(({ parents }) => parents))}, position = node`);
      }
    },
  },
  {
    name: 'a chain given as a tree equals a chain',
    applies: decodes,
    async check(session) {
      const { state, committed } = await prompted(session);
      const rows = committed.map((before, row): Row => ({
        tokens: session.subject.tokens(`chain ${row}`, n - row),
        first: before.length,
        start: row,
      }));
      const chain = await session.step(state, rows, { n });
      const tree = await session.step(
        state,
        rows.map((row) => ({ ...row, parents: row.tokens.map((_, i) => i - 1) })),
        { n },
      );
      session.close(tree.y, chain.y, 'the draft');
      const whole = rows.map(({ tokens }) => tokens.map((_, i) => i));
      const after = rows.map(({ tokens, first = 0 }, row): Row => ({
        tokens: session.subject.tokens(`after the chain ${row}`, 1),
        first: first + tokens.length,
      }));
      const expected = await session.step(chain.state, after);
      for (const step of [chain, tree])
        session.close(
          (await session.step(await session.commit(step, whole), after)).y,
          expected.y,
          `after all of the ${step === tree ? 'tree' : 'chain'} was accepted`,
        );
    },
  },
];
