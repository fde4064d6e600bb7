/** Workgroups that WebGPU takes along one axis of a grid. */
export const mostPerAxis = 65_535;

/** A grid of at least so many workgroups: the number of one is `group.y * mostPerAxis + group.x`. */
export function foldedGrid(count: number): readonly [number, number, number] {
  return [Math.min(count, mostPerAxis), Math.ceil(count / mostPerAxis), 1];
}
