import type { MatmulPlan } from './matmul-plan.ts';

/** Lines of code, one for each index. */
export function listed(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join(' ');
}

/** WGSL of a product of a row, times the factor of that row from the sum of its squares, where there is a norm. */
export function scaled({ norm }: MatmulPlan, product: string, squares: string): string {
  return norm ? `${product} * ${norm.row(squares)}` : product;
}

/** Lanes of the narrowest subgroup there is. */
export const leastSubgroup = 4;
/** Numbers that are summed together at most: more of them take longer to choose among than they save. */
const mostTogether = 16;

/**
 * WGSL that sums numbers of each lane, `sum…`, over its subgroup. Several are summed together: a step between two lanes leaves each of them half
 * of the numbers to go on with, so that each number takes about one exchange rather than one for each halving of the subgroup.
 * @param write - code that keeps a sum, from code of its number; run by one lane for each
 */
export function sumsOfSubgroup(
  { capabilities }: MatmulPlan,
  sums: number,
  write: (number: string, sum: string) => string,
): string {
  const together = Math.min(mostTogether, capabilities.subgroupMinSize ?? leastSubgroup);
  const groups = Math.ceil(sums / together);
  return listed(groups, (group) => {
    const first = group * together;
    const count = Math.min(together, sums - first);
    let code = '';
    let mask = 1;
    let own = `${first}u`;
    let left = Array.from({ length: 2 ** Math.ceil(Math.log2(count)) }, (_, i) =>
      i < count ? `sum${first + i}` : '0.0',
    );
    for (; left.length > 1; mask *= 2) {
      const half = left.length / 2;
      const upper = `upper${group}_${mask}`;
      code += `let ${upper} = (own & ${mask}u) != 0u; `;
      own += ` + select(0u, ${half}u, ${upper})`;
      left = left.slice(0, half).map((low, i) => {
        const high = left[half + i]!;
        const name = `sum${group}_${mask}_${i}`;
        code += `let ${name} = select(${low}, ${high}, ${upper}) + subgroupShuffleXor(select(${high}, ${low}, ${upper}), ${mask}u); `;
        return name;
      });
    }
    const [sum, number] = [`whole${group}`, `number${group}`];
    return `${code}var ${sum} = ${left[0]};
  for (var mask = ${mask}u; mask < width; mask *= 2u) { ${sum} += subgroupShuffleXor(${sum}, mask); }
  let ${number} = ${own};
  if (own < ${mask}u && ${number} < ${sums}u) { ${write(number, sum)} }
  `;
  });
}

/** WGSL that sums `results` numbers of each lane, `part[r * lanes + lane]`, to that of the first lane; it begins behind a barrier. */
export function sumOfLanes(results: number, lanes: number): string {
  return `for (var half = ${lanes / 2}u; half > 0u; half = half / 2u) {
    if (lane < half) { for (var r = 0u; r < ${results}u; r++) { part[r * ${lanes}u + lane] += part[r * ${lanes}u + lane + half]; } }
    workgroupBarrier();
  }`;
}
