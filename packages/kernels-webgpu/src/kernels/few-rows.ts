/** Lines of code, one for each index. */
export function listed(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join(' ');
}

/** WGSL that sums `results` numbers of each lane, `part[r * lanes + lane]`, to that of the first lane; it begins behind a barrier. */
export function sumOfLanes(results: number, lanes: number): string {
  return `for (var half = ${lanes / 2}u; half > 0u; half = half / 2u) {
    if (lane < half) { for (var r = 0u; r < ${results}u; r++) { part[r * ${lanes}u + lane] += part[r * ${lanes}u + lane + half]; } }
    workgroupBarrier();
  }`;
}
