/** A shader to run: its source, what it binds, and how many workgroups. */
export interface Dispatch {
  readonly label: string;
  readonly source: string;
  /** Values bound in order, `write` for those that it changes. */
  readonly bindings: readonly { readonly value: number; readonly write: boolean }[];
  readonly grid: readonly [number, number, number];
}

const mostPerAxis = 65_535;

/** Workgroups folded into two axes; a shader computes its number as `group.x + group.y * groups.x`. */
export function grid(workgroups: number): [number, number, number] {
  if (workgroups <= mostPerAxis) return [workgroups, 1, 1];
  const rows = Math.ceil(workgroups / mostPerAxis);
  return [Math.ceil(workgroups / rows), rows, 1];
}

/** WGSL of the number of a workgroup under {@link grid}. */
export const groupNumber = 'group.x + group.y * groups.x';
