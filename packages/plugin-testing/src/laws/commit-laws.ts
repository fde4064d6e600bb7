import { Draw } from '../bench/draw.ts';
import type { Row, RowValues, Token } from '../bench/rows.ts';
import type { Session } from '../bench/session.ts';
import { decodes } from './law-source.ts';
import type { LawSource } from './law-source.ts';
import { pathTo, randomTree } from './random-tree.ts';

/** As long as the longest step, so that a ring without room for it shows. */
const n = 7;
const rounds = 5;

/** The path of greatest depth, and how much of it is accepted in this round: anything from nothing to all. */
function acceptedPath(parents: readonly number[], draw: Draw, round: number, row: number): number[] {
  const paths = parents.map((_, node) => pathTo(parents, node));
  const longest = paths.reduce((best, path) => (path.length > best.length ? path : best), [] as number[]);
  const any = paths[draw.integer(0, paths.length - 1)] ?? [];
  if ((round + row) % 4 === 0) return longest;
  if ((round + row) % 4 === 2) return [];
  return any;
}

/**
 * Drafts, accepts a part that differs from row to row, and goes on, several times over. Every output at an accepted token
 * has to be what a sequence of accepted tokens alone gives.
 */
async function speculate(session: Session, form: 'chain' | 'tree' | 'draft in order'): Promise<void> {
  const { subject } = session;
  const inOrder = form === 'draft in order';
  const draw = new Draw(subject.seed, `speculate ${form}`);
  const prompts = [4, 7, 0];
  const accepted: Token[][] = prompts.map((length, row) => subject.tokens(`prompt ${row}`, length));
  const y: ArrayLike<number>[][] = prompts.map(() => []);
  const keep = (values: RowValues, paths: readonly (readonly number[])[]): void =>
    paths.forEach((path, row) => y[row]!.push(...path.map((node) => values[row]![node]!)));
  const capacity = n + rounds * n + 3;
  const prompt = await session.step(
    await session.start({ batch: prompts.length, capacity, chunk: n }),
    accepted.map((tokens, row): Row => ({ tokens, start: n - prompts[row]! })),
    { n },
  );
  let state = prompt.state;
  keep(
    prompt.y,
    accepted.map((tokens) => tokens.map((_, i) => i)),
  );
  const shown: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const drafts = accepted.map((before, row): Row & { parents: number[] } => {
      const size = draw.integer(n - 2, n);
      const parents = form === 'tree' ? randomTree(draw, size) : Array.from({ length: size }, (_, i) => i - 1);
      return {
        tokens: subject.tokens(`draft ${form} ${round} ${row}`, size),
        parents,
        positions: parents.map((_, node) => before.length + pathTo(parents, node).length - 1),
        start: inOrder ? 0 : draw.integer(0, n - size),
      };
    });
    const rows = form === 'tree' ? drafts : drafts.map(({ parents: _, ...row }): Row => row);
    const step = await session.step(state, rows, { n, draft: inOrder });
    const paths = drafts.map(({ parents }, row) => acceptedPath(parents, draw, round, row));
    shown.push(JSON.stringify(paths));
    keep(step.y, paths);
    paths.forEach((path, row) => accepted[row]!.push(...path.map((node) => drafts[row]!.tokens[node]!)));
    // Each depth is a program: as deep as the step is long, or half.
    const depth = form === 'tree' && paths.every((path) => path.length <= 4) ? 4 : n;
    state = await session.commit(step, paths, { depth, inOrder });
  }
  const rest = accepted.map((_, row) => subject.tokens(`rest ${row}`, 3));
  const last = await session.step(
    state,
    rest.map((tokens, row): Row => ({ tokens, first: accepted[row]!.length })),
  );
  keep(
    last.y,
    rest.map((tokens) => tokens.map((_, i) => i)),
  );
  const whole = accepted.map((tokens, row) => [...tokens, ...rest[row]!]);
  session.close(y, await session.aloneTokens(whole), `accepted of each draft ${shown.join(' ')}`);
}

/** Laws of drafts that are accepted in part. */
export const commitLaws: readonly LawSource[] = [
  {
    name: 'after accepted parts of chains it goes on as if the rest had never been',
    applies: decodes,
    check: (session) => speculate(session, 'chain'),
  },
  {
    name: 'after accepted parts of drafts in order it goes on as if the rest had never been',
    applies: decodes,
    check: (session) => speculate(session, 'draft in order'),
  },
  {
    name: 'after accepted paths of trees it goes on as if the rest had never been',
    applies: decodes,
    check: (session) => speculate(session, 'tree'),
  },
  {
    name: 'a rejected draft leaves no trace',
    applies: decodes,
    async check(session) {
      const { subject } = session;
      const prompts = [5, 9, 2].map((length, row) => subject.tokens(`kept ${row}`, length));
      const rest = prompts.map((before, row): Row => ({
        tokens: subject.tokens(`goes on ${row}`, n),
        first: before.length,
      }));
      const start = await session.start({ batch: 3, capacity: 9 + n, chunk: 9 });
      const before = await session.step(
        start,
        prompts.map((tokens): Row => ({ tokens })),
        { n: 9 },
      );
      const undisturbed = await session.step(before.state, rest);
      // Large enough that a weight of 1e-9 on it would show.
      const drafts = prompts.map((kept, row): Row => ({
        tokens: subject.tokens(`huge ${row}`, n, 1e4),
        first: kept.length,
      }));
      for (const parents of [undefined, [-1, 0, 0, -1, 3, 2, 5]]) {
        const rows = drafts.map((row) => ({ ...row, ...(parents && { parents }) }));
        const state = await session.commit(await session.step(before.state, rows, { n }), [[], [], []]);
        session.close(
          (await session.step(state, rest)).y,
          undisturbed.y,
          `after a rejected ${parents ? 'tree' : 'chain'}`,
        );
      }
    },
  },
];
