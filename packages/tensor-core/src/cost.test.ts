import { expect, test } from 'vitest';
import { costOf, graphCost } from './cost.ts';
import { trace } from './graph.ts';
import { add, mul } from './primitives/elementwise.ts';
import { matmul } from './primitives/matmul.ts';
import { scan } from './primitives/scan.ts';
import { sum } from './primitives/reduce.ts';
import { transpose } from './primitives/view.ts';
import { tensor } from './tensor.ts';

test('a product of matrices counts its operands once and two flops a term', () => {
  const graph = trace((a, b) => [matmul(a!, transpose(b!))], [{ shape: [5, 7], dtype: 'f32' }, { shape: [3, 7], dtype: 'bf16' }]); // prettier-ignore
  expect(graphCost(graph)).toEqual({ bytes: 5 * 7 * 4 + 3 * 7 * 2 + 5 * 3 * 4, flops: 2 * 5 * 7 * 3 });
});

test('an input read twice by one op counts once, and views cost nothing', () => {
  const graph = trace((x) => [mul(x!, x!)], [{ shape: [10], dtype: 'f32' }]);
  expect(costOf(graph.nodes[0]!, graph.types)).toEqual({ bytes: 80, flops: 10 });
  const viewed = trace((x) => [transpose(x!)], [{ shape: [10, 2], dtype: 'f32' }]);
  expect(graphCost(viewed).flops).toBe(0);
});

test('a loop costs its body as often as it runs', () => {
  const graph = trace((x) => {
    const { carry } = scan({ carry: tensor(0), sequences: x!, step: (s, row) => ({ carry: add(s, sum(row)), output: {} }) });
    return [carry];
  }, [{ shape: [6, 4], dtype: 'f32' }]); // prettier-ignore
  expect(graphCost(graph).flops).toBe(6 * (4 + 1));
});
