import type { AnyState } from '@tessera/plugin';
import { fromHost, grad, mul, sum } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { Layer, normals } from './grouped/grouped-layer.test-support.ts';
import { proven } from './proofs.test-data.ts';

// Numbers are those of the family's list of proving tests; what is proven of an op alone, or of one mixer, stands beside it.

const D = 6;
/** Entries of a group, of the mixers that have groups. */
const w = 4;
/** Chunks begin at 17 entries. */
const long = 21;

const part = (x: Float64Array, from: number, to: number): Float64Array => x.subarray(from * D, to * D);
const pathTo = (parents: readonly number[], node: number): number[] =>
  node < 0 ? [] : [...pathTo(parents, parents[node]!), node];
const rowsAt = (x: Float64Array, nodes: readonly number[]): Float64Array =>
  Float64Array.from(nodes.flatMap((node) => [...part(x, node, node + 1)]));

function largest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

/** Longer than a group, than any convolution, and than what goes by recurrence; with several roots. */
const trees: readonly (readonly number[])[] = [
  [-1, 0, 1, 2, 3, 4, 5, 6, 7, 8],
  [-1, -1, 0, 1, 2, 2, 4, 5, 6, 6, 8],
  [-1, 0, 0, 0, 1, 4, 5, 6, 7, 2, 9, 10, 3, 12, 13, 13, 15, 11],
];

describe.each(proven)('%s', (_, use) => {
  const drawn = (): Promise<Layer> => Layer.draw(use.mixer, use.config as object, D);
  const after = async (layer: Layer, prompt: Float64Array): Promise<AnyState> =>
    prompt.length === 0 ? layer.start() : (await layer.step(layer.start(), prompt, 0)).state;

  test('linear attention 12.1: step by step, in chunks, and split at every point it is one pass', async () => {
    const layer = await drawn();
    const x = await normals(7, [long * D]);
    const whole = await layer.forward(x);
    for (const size of [1, 2, w, 16, 17, long]) {
      let state = layer.start();
      for (let from = 0; from < long; from += size) {
        const to = Math.min(long, from + size);
        const made = await layer.step(state, part(x, from, to), from);
        expect(largest(made.y, part(whole, from, to)), `steps of ${size} from ${from}`).toBeLessThan(1e-10);
        state = made.state;
      }
    }
    for (let cut = 1; cut < long; cut++) {
      const first = await layer.step(layer.start(), part(x, 0, cut), 0);
      const second = await layer.step(first.state, part(x, cut, long), cut);
      expect(largest([...first.y, ...second.y], whole), `split at ${cut}`).toBeLessThan(1e-10);
    }
  });

  test('linear attention 12.1: no entry, and one', async () => {
    const layer = await drawn();
    expect(await layer.forward(new Float64Array(0))).toHaveLength(0);
    const x = await normals(8, [D]);
    const prompt = await after(layer, await normals(9, [5 * D]));
    const nothing = await layer.step(prompt, new Float64Array(0), 5);
    expect(nothing.y).toHaveLength(0);
    expect((await layer.step(nothing.state, x, 5)).y).toEqual((await layer.step(prompt, x, 5)).y);
    expect(largest((await layer.step(layer.start(), x, 0)).y, await layer.forward(x))).toBeLessThan(1e-12);
  });

  test('linear attention 12.5: in training no output sees what follows, to the bit', async () => {
    const layer = await drawn();
    const x = await normals(21, [long * D]);
    const huge = (await normals(22, [long * D])).map((value) => 1e3 * value);
    const y = await layer.forward(x);
    for (const t of [0, w - 1, w, 2 * w - 1, 15, 16, long - 2]) {
      const other = Float64Array.from([...part(x, 0, t + 1), ...part(huge, t + 1, long)]);
      const again = await layer.forward(other);
      expect(part(again, 0, t + 1), `after ${t}`).toEqual(part(y, 0, t + 1));
      expect(part(again, t + 1, long)).not.toEqual(part(y, t + 1, long));
    }
  });

  test('linear attention 12.5: in prefill no output sees what follows, to the bit', async () => {
    const layer = await drawn();
    const before = 3;
    const state = await after(layer, await normals(23, [before * D]));
    for (const n of [2 * w, long]) {
      const x = await normals(24, [n * D]);
      const huge = (await normals(25, [n * D])).map((value) => 1e3 * value);
      const { y } = await layer.step(state, x, before);
      for (const t of [0, w - 2, w, 5, n - 2]) {
        const other = Float64Array.from([...part(x, 0, t + 1), ...part(huge, t + 1, n)]);
        expect(part((await layer.step(state, other, before)).y, 0, t + 1), `${t} of ${n}`).toEqual(part(y, 0, t + 1));
      }
    }
  });

  test('linear attention 12.5: in verification a node sees its path alone, to the bit', async () => {
    const layer = await drawn();
    const parents = trees[1]!;
    const draft = await normals(26, [parents.length * D]);
    const huge = (await normals(27, [draft.length])).map((value) => 1e3 * value);
    const state = await after(layer, await normals(28, [3 * D]));
    const { y } = await layer.step(state, draft, 3, parents);
    for (const node of parents.keys()) {
      const others = Float64Array.from(huge);
      for (const own of pathTo(parents, node)) others.set(part(draft, own, own + 1), own * D);
      const again = (await layer.step(state, others, 3, parents)).y;
      expect(part(again, node, node + 1), `node ${node}`).toEqual(part(y, node, node + 1));
    }
  });

  test('linear attention 12.5: in gradients ∂o_t / ∂x_s is 0 for s > t', async () => {
    const layer = await drawn();
    for (const T of [11, long]) {
      const x = fromHost(await normals(29, [T * D]), [1, T, D]);
      for (const t of [0, w - 1, w, 9]) {
        const weights = new Float64Array(T * D);
        weights.set(await normals(30, [D]), t * D);
        const dx = await layer.read(grad((z: Tensor) => sum(mul(layer.record(z), fromHost(weights, [1, T, D]))))(x));
        expect(part(dx, t + 1, T).every((value) => value === 0), `∂o_${t} of ${T}`).toBe(true); // prettier-ignore
        expect(part(dx, 0, t + 1).some((value) => value !== 0)).toBe(true);
      }
    }
  });

  test.each([...trees.keys()])(
    'linear attention 12.6: at every phase tree %i is, node by node, what decoding its path gives',
    async (number) => {
      const parents = trees[number]!;
      const layer = await drawn();
      const draft = await normals(31, [parents.length * D]);
      for (let before = 1; before <= w; before++) {
        const prompt = await normals(32, [before * D]);
        const { y } = await layer.step(await after(layer, prompt), draft, before, parents);
        for (const node of parents.keys()) {
          const path = rowsAt(draft, pathTo(parents, node));
          const alone = await layer.forward(Float64Array.from([...prompt, ...path]));
          expect(largest(part(y, node, node + 1), alone.slice(-D)), `node ${node} behind ${before}`).toBeLessThan(1e-9);
        }
      }
    },
  );

  test('linear attention 12.7: after n of m are accepted the state is that after decoding those n', async () => {
    const layer = await drawn();
    const next = await normals(35, [3 * D]);
    for (const [parents, paths] of [
      [trees[0]!, [[], [0], [0, 1, 2], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]],
      [trees[1]!, [[], [1, 3], [0, 2, 5, 7], [0, 2, 4, 6, 8, 10]]],
    ] as const) {
      const draft = await normals(33, [parents.length * D]);
      for (let before = 1; before <= w; before++) {
        const snapshot = await after(layer, await normals(34, [before * D]));
        const { state } = await layer.step(snapshot, draft, before, parents);
        for (const path of paths) {
          const kept = await layer.commit({ snapshot, state }, draft, before, path, parents);
          let never = snapshot;
          for (const [i, node] of path.entries())
            never = (await layer.step(never, part(draft, node, node + 1), before + i)).state;
          const go = async (from: AnyState): Promise<Float64Array> =>
            (await layer.step(from, next, before + path.length)).y;
          expect(largest(await go(kept), await go(never)), `${path.join()} behind ${before}`).toBeLessThan(1e-10);
        }
      }
    }
  });

  test('linear attention 12.8: gradients are what differences in double precision give', async () => {
    const layer = await drawn();
    for (const T of [7, long]) {
      // Small, so that no feature of a key vanishes beside the constant that keeps a denominator from 0.
      const x = (await normals(41, [T * D])).map((value) => 0.3 * value);
      const inputs: Record<string, Tensor> = { x: fromHost(x, [1, T, D]), ...layer.params };
      const weights = fromHost(await normals(42, [T * D]), [1, T, D]);
      const loss = ({ x: at, ...params }: Record<string, Tensor>): Tensor =>
        sum(mul(layer.record(at!, params), weights));
      const gradients = grad(loss)(inputs);
      for (const [index, [name, value]] of Object.entries(inputs).entries()) {
        // Drawn once and not learned.
        if (name === 'omega') continue;
        const [direction, numbers] = [await normals(50 + index, [value.size]), await layer.read(value)];
        const at = async (h: number): Promise<number> => {
          const moved = fromHost(numbers.map((number, i) => number + h * direction[i]!), value.shape); // prettier-ignore
          return (await layer.read(loss({ ...inputs, [name]: moved })))[0]!;
        };
        const made = await layer.read(gradients[name]!);
        const got = made.reduce((total, each, i) => total + each * direction[i]!, 0);
        const expected = ((await at(2e-6)) - (await at(-2e-6))) / 4e-6;
        expect(Math.abs(got - expected), `${name}, T = ${T}`).toBeLessThan(2e-6 * (1 + Math.abs(expected)));
      }
    }
  });
});
