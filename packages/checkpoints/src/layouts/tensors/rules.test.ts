import type { TensorRule } from '@tessera/plugin';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dtypeBytes, safetensorsDtypes } from '../../safetensors/dtypes.ts';
import { oursNames, publishedNames } from '../rule-names.ts';
import { planTensors } from './plan-tensors.ts';
import type { RawTensor } from './raw-tensor.ts';
import { readOurs } from './read-ours.ts';
import { publishedShapes, sum } from './rule-shapes.ts';
import { settleTies } from './settle-ties.ts';
import { writePublished } from './write-published.ts';

type Tensors = ReadonlyMap<string, RawTensor>;

const counting = (tensors: Tensors, reads: string[]) => async (name: string) => {
  reads.push(name);
  return tensors.get(name)!;
};

function f32(shape: readonly number[], start = 0): RawTensor {
  const size = shape.reduce((product, n) => product * n, 1);
  return {
    dtype: 'F32',
    shape,
    bytes: new Uint8Array(Float32Array.from({ length: size }, (_, i) => start + i).buffer),
  };
}

const values = (tensor: RawTensor | undefined): number[] => [...new Float32Array(tensor!.bytes.slice().buffer)];

const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 });
const columns = fc.integer({ min: 1, max: 40 });
const dtypes = fc.constantFrom(...safetensorsDtypes());

/** A rule with the shapes of its published tensors. */
const ruleWithShapes: fc.Arbitrary<{ rule: TensorRule; shapes: readonly (readonly number[])[] }> = fc.oneof(
  fc.record({ rows: columns, columns, transposed: fc.boolean() }).map(({ rows, columns: width, transposed }) => ({
    rule: { kind: 'rename', published: 'p', ours: 'o', transposed } as const,
    shapes: [[rows, width]],
  })),
  fc.record({ rows: columns, kernel: sizes }).map(({ rows, kernel }) => ({
    rule: { kind: 'rename', published: 'p', ours: 'o', squeezed: 1 } as const,
    shapes: [[rows, 1, ...kernel]],
  })),
  fc
    .record({ sizes, blocks: fc.integer({ min: 1, max: 4 }), columns, transposed: fc.boolean(), flat: fc.boolean() })
    .map(({ sizes: parts, blocks, columns: width, transposed, flat }) => {
      const rows = blocks * sum(parts);
      const shape = flat ? [rows] : transposed ? [width, rows] : [rows, width];
      const ours = parts.map((_, index) => `o${index}`);
      return {
        rule: { kind: 'split', published: 'p', ours, sizes: parts, blocks, transposed: transposed && !flat } as const,
        shapes: [shape],
      };
    }),
  fc
    .record({ sizes, columns, blocks: fc.integer({ min: 1, max: 4 }), both: fc.boolean() })
    .map(({ sizes: parts, columns: width, blocks, both }) => {
      const ours = parts.map((_, index) => `o${index}`);
      const rows = sum(parts);
      const published = Array.from({ length: both ? 1 : blocks }, (_, index) => `p${index}`);
      return {
        rule: {
          kind: 'regroup',
          published,
          rows: published.map(() => (both ? blocks * rows : rows)),
          ours,
          sizes: parts,
          blocks,
          stacked: both ? 'both' : 'ours',
        } as const,
        shapes: published.map(() => (both ? [blocks, rows, width] : [rows, width])),
      };
    }),
  fc
    .record({ sizes, cuts: fc.array(fc.nat(20), { maxLength: 3 }), columns, blocks: fc.integer({ min: 1, max: 3 }) })
    .map(({ sizes: parts, cuts, columns: width, blocks }) => {
      const total = blocks * sum(parts);
      const borders = [0, ...cuts.map((cut) => Math.min(cut, total)).toSorted((a, b) => a - b), total];
      const rows = borders.slice(1).map((border, index) => border - (borders[index] as number));
      return {
        rule: {
          kind: 'regroup',
          published: rows.map((_, index) => `p${index}`),
          rows,
          ours: parts.map((_, index) => `o${index}`),
          sizes: parts,
          blocks,
          squeezed: 1,
        } as const,
        shapes: rows.map((count) => [count, 1, width]),
      };
    }),
);

test('writing what was read gives the same bytes, and every tensor is read once', async () => {
  await fc.assert(
    fc.asyncProperty(ruleWithShapes, dtypes, fc.integer(), async ({ rule, shapes }, dtype, seed) => {
      const published = new Map(
        publishedNames(rule).map((name, index) => {
          const shape = shapes[index] as readonly number[];
          const length = shape.reduce((product, n) => product * n, dtypeBytes(dtype));
          const bytes = Uint8Array.from(
            { length },
            (_, i) => Math.imul(seed + index, 2_654_435_761) + i * 151 + (i >> 8),
          );
          return [name, { dtype, shape, bytes }] as const;
        }),
      );
      const reads: string[] = [];
      const ours = await readOurs(rule, counting(published, reads));
      expect(reads).toEqual(publishedNames(rule));
      expect([...ours.keys()]).toEqual(oursNames(rule));
      const elements = (tensors: Iterable<RawTensor>): number => sum([...tensors].map(({ bytes }) => bytes.length));
      expect(elements(ours.values())).toBe(elements(published.values()));
      expect(publishedShapes(rule, (name) => ours.get(name)!.shape)).toEqual(shapes);
      const back: string[] = [];
      const written = await writePublished(rule, counting(ours, back));
      expect(back).toEqual(oursNames(rule));
      expect(written).toEqual(published);
    }),
    { numRuns: 200 },
  );
});

test('a split by blocks takes the rows of each head apart', async () => {
  const rule: TensorRule = { kind: 'split', published: 'p', ours: ['q', 'k'], sizes: [1, 2], blocks: 2 };
  const ours = await readOurs(rule, async () => f32([6, 2]));
  expect(values(ours.get('q'))).toEqual([0, 1, 6, 7]);
  expect(values(ours.get('k'))).toEqual([2, 3, 4, 5, 8, 9, 10, 11]);
});

test('a transposed split goes along the last published axis', async () => {
  const rule: TensorRule = { kind: 'split', published: 'p', ours: ['q', 'k'], sizes: [1, 2], transposed: true };
  const ours = await readOurs(rule, async () => f32([2, 3]));
  expect(ours.get('k')?.shape).toEqual([2, 2]);
  expect(values(ours.get('q'))).toEqual([0, 3]);
  expect(values(ours.get('k'))).toEqual([1, 4, 2, 5]);
});

test('a regroup splits at other borders', async () => {
  const rule: TensorRule = { kind: 'regroup', published: ['a', 'b'], rows: [3, 1], ours: ['q', 'k'], sizes: [1, 3] };
  const ours = await readOurs(rule, async (name) => (name === 'a' ? f32([3, 1]) : f32([1, 1], 10)));
  expect(values(ours.get('q'))).toEqual([0]);
  expect(values(ours.get('k'))).toEqual([1, 2, 10]);
});

test('pieces of one matrix must have one element type', async () => {
  const rule: TensorRule = { kind: 'regroup', published: ['a', 'b'], rows: [1, 1], ours: ['q'], sizes: [2] };
  const read = async (name: string): Promise<RawTensor> =>
    name === 'a' ? f32([1, 1]) : { dtype: 'BF16', shape: [1, 1], bytes: new Uint8Array(2) };
  await expect(readOurs(rule, read)).rejects.toThrow(
    'tensor "b" is BF16, expected F32 like "a", with which it is one matrix. Store both alike.',
  );
});

test('tensors that do not fit are named before anything is read', () => {
  const rules: TensorRule[] = [
    { kind: 'rename', published: 'w.weight', ours: 'w', transposed: true },
    { kind: 'split', published: 'qkv', ours: ['q', 'k'], sizes: [2, 1] },
  ];
  const fitting = { 'w.weight': [2, 3], qkv: [3, 4] };
  const plan = (shapes: object, expected?: object): unknown =>
    planTensors(rules, new Map(Object.entries(shapes)), {
      ignored: [/^mask/],
      ...(expected && { expected: new Map(Object.entries(expected)) }),
    });
  const expected = { w: [3, 2], q: [2, 4], k: [1, 4] };
  expect(plan({ ...fitting, mask1: [9] }, expected)).toMatchObject({ ignored: ['mask1'] });
  expect(() => plan({ 'w.weight': [2, 3] }, expected)).toThrow(
    'tensor "qkv" of shape [3, 4] is not in the checkpoint, expected by its config.json. Check that all files of the model are there, and that config.json belongs to them.',
  );
  expect(() => plan({ 'w.weight': [2, 3], other: [1] })).toThrow(
    'It has 1 that config.json does not mention, such as "other".',
  );
  expect(() => plan({ ...fitting, 'score.weight': [2, 3], b: [1] })).toThrow(
    'tensor "score.weight" of shape [2, 3] is in the checkpoint, and 1 others, and its config.json does not ask for it',
  );
  expect(() => plan({ ...fitting, 'w.weight': [2, 4] }, expected)).toThrow(
    'tensor "w.weight" has shape [2, 4], expected [2, 3]. Check that config.json belongs to these tensors.',
  );
  expect(() => plan({ ...fitting, qkv: [4, 4] })).toThrow('tensor "qkv" has shape [4, 4], expected [3, 4].');
  expect(() => plan({ ...fitting, 'w.weight': [2] })).toThrow('tensor "w.weight" has shape [2], expected two axes.');
  expect(() => plan(fitting, { ...expected, z: [5] })).toThrow('z: the model needs this tensor of shape [5]');
  expect(() => plan(fitting, { q: [2, 4], k: [1, 4] })).toThrow('w: the checkpoint has this tensor of shape [3, 2]');
});

test('both tensors of a tied matrix: equal values tie, others do not', async () => {
  const rules: TensorRule[] = [
    { kind: 'rename', published: 'e', ours: 'embedding.weight' },
    { kind: 'copy', published: 'h', ours: 'embedding.weight', untied: 'head.weight' },
  ];
  const spec = { vocabSize: 2, dModel: 2, maxPositions: 4, layers: [], head: { tied: true } };
  const same = await settleTies(spec, rules, async () => f32([2, 2]));
  expect(same).toEqual({ spec, rules, warnings: [] });
  const written = await writePublished(rules[1]!, async () => f32([2, 2]));
  expect(written).toEqual(new Map([['h', f32([2, 2])]]));
  const other = await settleTies(spec, rules, async (name) => f32([2, 2], name === 'h' ? 1 : 0));
  expect(other.spec.head).toEqual({ tied: false });
  expect(other.rules[1]).toEqual({ kind: 'rename', published: 'h', ours: 'head.weight' });
  expect(other.warnings).toEqual([
    'tensors "e" and "h" differ, although config.json says that they are tied; both are used as they are.',
  ]);
});
