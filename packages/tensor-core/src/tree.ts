import { isTensor } from './tensor.ts';
import type { Tensor } from './tensor.ts';

/** Nested records and lists whose leaves are tensors. `undefined` leaves are left out. */
export type TensorTree = Tensor | undefined | readonly TensorTree[] | { readonly [key: string]: TensorTree };

/** The tensors of a tree, in order of keys. */
export function treeLeaves(tree: unknown): Tensor[] {
  const leaves: Tensor[] = [];
  visitTree(tree, (leaf) => leaves.push(leaf), '');
  return leaves;
}

/** The tensors of a tree with their paths (`k`, `layers.0.S`). */
export function treeEntries(tree: unknown): [path: string, leaf: Tensor][] {
  const entries: [string, Tensor][] = [];
  visitTree(tree, (leaf, path) => entries.push([path, leaf]), '');
  return entries;
}

/** A tree of the same form with each leaf replaced. */
export function mapTree<T>(tree: T, replace: (leaf: Tensor, path: string) => Tensor): T {
  const rebuild = (node: unknown, path: string): unknown => {
    if (node === undefined || node === null) return node;
    if (isTensor(node)) return replace(node, path);
    if (Array.isArray(node)) return node.map((item, index) => rebuild(item, join(path, String(index))));
    if (typeof node === 'object')
      return Object.fromEntries(sortedEntries(node).map(([key, item]) => [key, rebuild(item, join(path, key))]));
    throw new TypeError(
      `tensor tree: ${path || 'the root'} is a ${typeof node}; only tensors, lists and records may stand there.`,
    );
  };
  return rebuild(tree, '') as T;
}

/** A tree of the form of `like` filled with `leaves` in order. */
export function fillTree<T>(like: T, leaves: readonly Tensor[]): T {
  let next = 0;
  return mapTree(like, () => leaves[next++]!);
}

/** Frees every tensor of a tree. */
export function disposeTree(tree: unknown): void {
  for (const leaf of treeLeaves(tree)) leaf.dispose();
}

function visitTree(node: unknown, visit: (leaf: Tensor, path: string) => void, path: string): void {
  if (node === undefined || node === null) return;
  if (isTensor(node)) return visit(node, path);
  if (Array.isArray(node)) return node.forEach((item, index) => visitTree(item, visit, join(path, String(index))));
  if (typeof node === 'object') {
    for (const [key, item] of sortedEntries(node)) visitTree(item, visit, join(path, key));
    return;
  }
  throw new TypeError(
    `tensor tree: ${path || 'the root'} is a ${typeof node}; only tensors, lists and records may stand there.`,
  );
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/** By name, so that two records with the same keys have the same order of leaves. */
function sortedEntries(node: object): [string, unknown][] {
  return Object.entries(node).toSorted(([a], [b]) => (a < b ? -1 : 1));
}
