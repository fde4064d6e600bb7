import type { AnyState, Memory, StateSize } from '@tessera/plugin';
import { decodingOf, selectRows } from '@tessera/plugin';
import {
  bytesPerElement,
  fillTree,
  fromHost,
  gather,
  mapTree,
  placeholder,
  showShape,
  treeEntries,
  treeLeaves,
} from '@tessera/tensor-core';
import type { Tensor, TensorTree } from '@tessera/tensor-core';
import type { Row } from '../bench/rows.ts';
import type { Session } from '../bench/session.ts';
import { decodes } from './law-source.ts';
import type { LawSource } from './law-source.ts';

const lengths = [4, 9, 7];
/** Of the steps after that. */
const n = 7;
const size = { batch: 3, capacity: 9 + n, chunk: 9 };

async function prompted(session: Session, stream: string): Promise<AnyState> {
  const start = await session.start(size);
  const rows = lengths.map((length, row): Row => ({ tokens: session.subject.tokens(`${stream} ${row}`, length) }));
  return (await session.step(start, rows, { n: 9 })).state;
}

function going(session: Session): Row[] {
  return lengths.map((first, row) => ({ tokens: session.subject.tokens(`going ${row}`, n), first }));
}

/** Types of all leaves, as text. */
function typesOf(state: AnyState): string {
  return treeEntries(state)
    .map(([path, { dtype, shape }]) => `${path}: ${dtype}${showShape(shape)}`)
    .join(', ');
}

/** The state as `init` makes it and what `memory` says of it. Nothing is computed. */
function declared(session: Session, size: StateSize): { state: AnyState; memory: Memory } {
  const { mixer, site, params } = session.subject;
  const decoding = decodingOf(mixer);
  const identities = Array.from({ length: size.batch }, (_, row) => row);
  const context = session.subject.context(identities);
  const given = { ...mapTree(params, placeholder) };
  return {
    state: decoding.init({ ...site, ...size, params: given, ...(context && { context }) }),
    memory: decoding.memory({ ...site, ...size }),
  };
}

/** Whether bytes at a capacity, twice it and four times it fit a class of growth. */
function fits(growth: Memory['growth'], [one, two, four]: readonly [number, number, number]): boolean {
  switch (growth) {
    case 'constant':
    case 'bounded':
      return one === two && two === four;
    case 'logarithmic':
      return two >= one && four - two <= 2 * (two - one) && four < 2 * one;
    case 'linear':
      return two > one && four - two === 2 * (two - one);
  }
}

/** Laws of the memory of a layer. */
export const stateLaws: readonly LawSource[] = [
  {
    name: 'a state that was saved and restored goes on to the bit',
    applies: decodes,
    async check(session) {
      const { device } = session.subject;
      const state = await prompted(session, 'saved');
      const saved = await Promise.all(treeLeaves(state).map(async (leaf) => ({ leaf, data: await device.read(leaf) })));
      const restored = fillTree(
        state,
        saved.map(({ leaf, data }) => fromHost(data, leaf.shape, leaf.dtype)),
      );
      const expected = await session.step(state, going(session));
      session.same((await session.step(restored, going(session))).y, expected.y, 'after restoring');
    },
  },
  {
    name: 'rows of a state can be reordered and chosen',
    applies: decodes,
    async check(session) {
      const a = await prompted(session, 'one');
      for (const [path, leaf] of treeEntries(a))
        if (leaf.shape[0] !== lengths.length)
          session.fail(
            `its state ${path} is ${showShape(leaf.shape)}, expected the batch ${lengths.length} as first axis`,
          );
      const next = await session.step(a, going(session));
      // Contexts belong to rows, so the reordered rows keep theirs.
      const order = [2, 0, 1];
      const moved = await session.run('reorder', { state: a } as TensorTree, ({ state }: { state: AnyState }) =>
        mapTree(state, (leaf) => gather(leaf, fromHost(Int32Array.from(order), [3]))),
      );
      const rows = going(session);
      session.close(
        (
          await session.step(
            moved,
            order.map((row) => ({ ...rows[row]!, identity: row })),
          )
        ).y,
        order.map((row) => next.y[row]!),
        'reordered',
      );
      const b = await prompted(session, 'other');
      const other = await session.step(b, going(session));
      const chosen = await session.run(
        'choose',
        { rows: fromHost(Uint8Array.of(1, 0, 1), [3], 'bool'), a, b } as TensorTree,
        (given: { rows: Tensor; a: AnyState; b: AnyState }) => selectRows(given.rows, given.a, given.b),
      );
      session.close(
        (await session.step(chosen, going(session))).y,
        [next.y[0]!, other.y[1]!, next.y[2]!],
        'rows 0 and 2 of one state, row 1 of another',
      );
    },
  },
  {
    name: 'steps and commits never change the shape of the state',
    applies: decodes,
    async check(session) {
      const start = await session.start(size);
      const types = typesOf(start);
      const compare = (state: AnyState, after: string): void => {
        if (typesOf(state) !== types)
          session.fail(`the state is { ${typesOf(state)} } after ${after}, { ${types} } before`);
      };
      const state = await prompted(session, 'shapes');
      compare(state, 'a prompt');
      const step = await session.step(state, going(session));
      compare(step.state, 'a step');
      compare(await session.commit(step, [[0, 1], [], [0]]), 'a commit');
      const tree = await session.step(
        state,
        going(session).map((row) => ({ ...row, parents: [-1, 0, 0, 1, -1, 4, 3] })),
      );
      compare(tree.state, 'a tree');
      compare(await session.commit(tree, [[0, 2], [], [4]]), 'the commit of a tree');
    },
  },
  {
    name: 'the memory is what it declares',
    applies: decodes,
    check(session) {
      const sizes = [1, 3].flatMap((batch) =>
        [8, 9, 4096, 8192, 16384].flatMap((capacity) => [1, 8].map((chunk): StateSize => ({ batch, capacity, chunk }))),
      );
      const bytes = sizes.map((size) => {
        const { state, memory } = declared(session, size);
        const actual = treeLeaves(state).reduce((sum, leaf) => sum + leaf.size * bytesPerElement(leaf.dtype), 0);
        if (actual !== memory.bytes)
          session.fail(
            `memory() declares ${memory.bytes} bytes and init makes ${actual} at batch ${size.batch}, capacity ${size.capacity}, chunk ${size.chunk}`,
            { expected: actual, actual: memory.bytes, ...size },
          );
        return actual;
      });
      const at = (batch: number, capacity: number, chunk: number): number =>
        bytes[sizes.findIndex((size) => size.batch === batch && size.capacity === capacity && size.chunk === chunk)]!;
      for (const chunk of [1, 8]) {
        const { growth } = declared(session, { batch: 1, capacity: 4096, chunk }).memory;
        const large: [number, number, number] = [at(1, 4096, chunk), at(1, 8192, chunk), at(1, 16384, chunk)];
        const still = growth !== 'constant' || at(1, 8, chunk) === large[0];
        if (!fits(growth, large) || !still)
          session.fail(
            `memory() declares ${growth} growth, and the state takes ${large.join(', ')} bytes at capacities 4096, 8192, 16384`,
          );
        if (at(3, 4096, chunk) !== 3 * at(1, 4096, chunk))
          session.fail(`three rows take ${at(3, 4096, chunk)} bytes, one takes ${at(1, 4096, chunk)}`);
      }
    },
  },
];
