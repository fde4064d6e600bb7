import { describe, expect, test } from 'vitest';
import { CpuDevice } from './cpu/cpu-device.ts';
import { Scope } from './scope.ts';
import { tensor } from './tensor.ts';
import type { Tensor } from './tensor.ts';
import { disposeTree, fillTree, mapTree, treeEntries, treeLeaves } from './tree.ts';

const [a, b, c, d] = [tensor(1), tensor(2), tensor(3), tensor(4)];
const tree = { z: a, list: [b, { inner: c, none: undefined }], empty: {}, m: [d] };

describe('trees', () => {
  test('have their leaves in the order of keys, whatever the order of writing', () => {
    expect(treeLeaves(tree)).toEqual([b, c, d, a]);
    expect(treeEntries(tree).map(([path]) => path)).toEqual(['list.0', 'list.1.inner', 'm.0', 'z']);
    expect(treeLeaves({ b, a })).toEqual(treeLeaves({ a, b }));
    expect(treeEntries(a)).toEqual([['', a]]);
    expect(treeLeaves(undefined)).toEqual([]);
  });

  test('keep their form when mapped and filled', () => {
    const paths: string[] = [];
    const same = mapTree(tree, (leaf, path) => {
      paths.push(path);
      return leaf;
    });
    expect(same).toEqual(tree);
    expect(paths).toEqual(treeEntries(tree).map(([path]) => path));
    expect(treeLeaves(fillTree(tree, [a, b, c, d]))).toEqual([a, b, c, d]);
  });

  test('name what may not stand in them', () => {
    const wrong = { layers: [{ size: 3 as unknown as Tensor }] };
    expect(() => treeLeaves(wrong)).toThrow(
      'tensor tree: layers.0.size is a number; only tensors, lists and records may stand there.',
    );
    expect(() => mapTree('x' as unknown as Tensor, (leaf) => leaf)).toThrow('tensor tree: the root is a string');
  });

  test('are disposed as a whole', () => {
    const device = new CpuDevice();
    const upload = (): Tensor => device.upload(new Float32Array(4), { shape: [4], dtype: 'f32' });
    disposeTree({ x: upload(), list: [upload()] });
    expect(device.allocatedBytes).toBe(0);
  });
});

describe('a scope', () => {
  test('frees what was added at the end of the block, and lets live what is kept', () => {
    const device = new CpuDevice();
    const upload = (): Tensor => device.upload(new Float32Array(4), { shape: [4], dtype: 'f32' });
    let kept;
    {
      using scope = new Scope();
      const state = scope.add({ S: upload(), list: [upload()] });
      scope.add(upload());
      kept = scope.keep(state.S);
      expect(device.allocatedBytes).toBe(48);
    }
    expect(device.allocatedBytes).toBe(16);
    kept.dispose();
    expect(device.allocatedBytes).toBe(0);
  });

  test('frees when the block throws, and twice does no harm', () => {
    const device = new CpuDevice();
    const scope = new Scope();
    expect(() => {
      using inner = scope;
      inner.add(device.upload(new Float32Array(4), { shape: [4], dtype: 'f32' }));
      throw new Error('stop');
    }).toThrow('stop');
    scope.dispose();
    expect(device.allocatedBytes).toBe(0);
  });
});
