import type { MatmulPlan } from './matmul-plan.ts';

/** Lines of code, one for each index. */
export function listed(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join(' ');
}

/** WGSL of a product of a row, times the factor of that row from the sum of its squares, where there is a norm. */
export function scaled({ norm }: MatmulPlan, product: string, squares: string): string {
  return norm ? `${product} * ${norm.row(squares)}` : product;
}

/** WGSL that sums `results` numbers of each lane, `part[r * lanes + lane]`, to that of the first lane; it begins behind a barrier. */
export function sumOfLanes(results: number, lanes: number): string {
  return `for (var half = ${lanes / 2}u; half > 0u; half = half / 2u) {
    if (lane < half) { for (var r = 0u; r < ${results}u; r++) { part[r * ${lanes}u + lane] += part[r * ${lanes}u + lane + half]; } }
    workgroupBarrier();
  }`;
}
