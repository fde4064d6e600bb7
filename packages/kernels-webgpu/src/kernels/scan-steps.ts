import type { TensorType } from '@tessera/tensor-core';
import { isPacked, sizeOf } from '@tessera/tensor-core';
import { grid, groupNumber } from '../compile/dispatch.ts';

/** The steps around the body of a loop. They move whole words, so that the element type does not matter. */
interface ScanStep {
  readonly label: string;
  readonly source: string;
  readonly grid: readonly [number, number, number];
}

// The clock: turn, element of this turn, whether the turn counts.
const clockRead = (binding: number): string =>
  `@group(0) @binding(${binding}) var<storage, read> clock: array<u32, 4>;`;
const main = (workgroup: number, body: string): string =>
  `@compute @workgroup_size(${workgroup}) fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {\n  ${body}\n}`;

/** Before the first turn. */
export function resetClock(): ScanStep {
  return {
    label: 'scan: reset',
    grid: [1, 1, 1],
    source: `@group(0) @binding(0) var<storage, read_write> clock: array<u32, 4>;\n${main(1, 'clock[0] = 0xffffffffu;')}`,
  };
}

/** Begins a turn. */
export function advanceClock({
  length,
  reverse,
  counted,
}: {
  readonly length: number;
  readonly reverse: boolean;
  readonly counted: boolean;
}): ScanStep {
  const bindings = counted
    ? `@group(0) @binding(0) var<storage, read> count: array<i32>;\n@group(0) @binding(1) var<storage, read_write> clock: array<u32, 4>;`
    : `@group(0) @binding(0) var<storage, read_write> clock: array<u32, 4>;`;
  return {
    label: 'scan: turn',
    grid: [1, 1, 1],
    source: `${bindings}\n${main(
      1,
      `let turns = ${counted ? `u32(clamp(count[0], 0i, ${length}i))` : `${length}u`};
  let turn = clock[0] + 1u;
  let counts = turn < turns;
  clock[0] = turn;
  clock[1] = select(turn, ${reverse ? 'turns - 1u - turn' : 'turn'}, counts);
  clock[2] = select(0u, 1u, counts);`,
    )}`,
  };
}

function words(type: TensorType): number {
  return isPacked(type.dtype) ? sizeOf(type.shape) / 2 : sizeOf(type.shape);
}

function copying(
  label: string,
  type: TensorType,
  bindings: string,
  line: (i: string, size: number) => string,
): ScanStep | undefined {
  const size = words(type);
  if (size === 0) return undefined;
  if (!Number.isInteger(size))
    throw new Error(`scan: an element of an odd number of 16-bit floats cannot be moved by words.`);
  return {
    label,
    grid: grid(Math.ceil(size / 64)),
    source: `${bindings}\n${main(64, `let i = (${groupNumber}) * 64u + lane;\n  if (i >= ${size}u) { return; }\n  ${line('i', size)}`)}`,
  };
}

const from = `@group(0) @binding(0) var<storage, read> from_: array<u32>;\n@group(0) @binding(1) var<storage, read_write> to: array<u32>;`;

/** Copies a value; `clocked`: the element of this turn. */
export function copyElement(type: TensorType, clocked?: 'clocked'): ScanStep | undefined {
  return clocked
    ? copying(
        'scan: load',
        type,
        `${from}\n${clockRead(2)}`,
        (i, size) => `to[${i}] = from_[clock[1] * ${size}u + ${i}];`,
      )
    : copying('scan: copy', type, from, (i) => `to[${i}] = from_[${i}];`);
}

/** Puts an output of the body into its place, zero for a turn that does not count. */
export function storeElement(type: TensorType): ScanStep | undefined {
  return copying(
    'scan: store',
    type,
    `${from}\n${clockRead(2)}`,
    (i, size) => `to[clock[1] * ${size}u + ${i}] = select(0u, from_[${i}], clock[2] == 1u);`,
  );
}

/** Keeps the next carry if the turn counts. */
export function keepCarry(type: TensorType): ScanStep | undefined {
  return copying(
    'scan: carry',
    type,
    `${from}\n${clockRead(2)}`,
    (i) => `if (clock[2] == 1u) { to[${i}] = from_[${i}]; }`,
  );
}
