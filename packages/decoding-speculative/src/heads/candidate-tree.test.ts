import { expect, test } from 'vitest';
import { candidateChain, candidateNodes, likeliest, usualTree } from './candidate-tree.ts';

test('a tree of ranks is read into nodes with parents, and what is needed of each head', () => {
  expect(candidateNodes([[0], [0, 0], [2], [2, 1], [0, 0, 3]], 3, 24)).toEqual({
    heads: [0, 1, 0, 1, 2],
    ranks: [0, 0, 2, 1, 3],
    parents: [-1, 0, -1, 2, 1],
    widths: [3, 2, 4],
  });
  expect(candidateNodes(candidateChain(3), 3, 24)).toMatchObject({ parents: [-1, 0, 1], widths: [1, 1, 1] });
});

test('the usual tree begins with its best paths, and any first part of it is a tree', () => {
  const tree = usualTree(3, 32);
  expect(tree).toHaveLength(32);
  expect(tree.slice(0, 5)).toEqual([[0], [0, 0], [1], [0, 0, 0], [2]]);
  for (let nodes = 1; nodes <= 32; nodes++) {
    expect(usualTree(3, nodes)).toEqual(tree.slice(0, nodes));
    candidateNodes(tree.slice(0, nodes), 3, 24);
  }
  expect(usualTree(1, 32)).toEqual([[0], [1], [2], [3]]);
});

test.each<[string, number[][], string]>([
  ['deeper than there are heads', [[0], [0, 0], [0, 0, 0]], 'path 2 of the tree is [0, 0, 0], expected 1 to 2 ranks'],
  ['empty', [[]], 'path 0 of the tree is [], expected 1 to 2 ranks'],
  ['no rank', [[-1]], 'path 0 of the tree is [-1], expected ranks from 0 to 23'],
  ['beyond the vocabulary', [[24]], 'path 0 of the tree is [24], expected ranks from 0 to 23'],
  ['twice', [[0], [0]], 'path 1 of the tree is [0], which stands there twice'],
  ['without its parent', [[0, 1], [0]], 'path 0 of the tree is [0, 1], and nothing before it is [0]'],
  ['missing', [], 'the tree is empty'],
])('a path that is %s is refused', (_, tree, message) => {
  expect(() => candidateNodes(tree, 2, 24)).toThrow(message);
});

test('the likeliest tokens come in their order, of equal ones the first', () => {
  const logits = Float32Array.of(1, 5, -2, 5, 3, 0);
  expect(likeliest(logits, 0)).toEqual([]);
  expect(likeliest(logits, 1)).toEqual([1]);
  expect(likeliest(logits, 4)).toEqual([1, 3, 4, 0]);
  expect(likeliest(logits, 6)).toEqual([1, 3, 4, 0, 5, 2]);
});
