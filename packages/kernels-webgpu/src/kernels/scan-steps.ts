import type { TensorType } from '@tessera/tensor-core';
import { isPacked, sizeOf } from '@tessera/tensor-core';
import type { Shader, ShaderBinding } from '../codegen/shader.ts';

// The clock: turn, element of this turn, whether the turn counts.
const clock = (write: boolean): ShaderBinding => ({ name: 'clock', element: 'u32', write });

/** Before the first turn. Binds the clock. */
export function resetClock(): Shader {
  return {
    label: 'scan: reset',
    workgroup: 64,
    workgroups: 1,
    bindings: [clock(true)],
    body: 'if (lane == 0u) { clock[0] = 0xffffffffu; }',
  };
}

/** Begins a turn. Binds the count, if there is one, and the clock. */
export function advanceClock({
  length,
  reverse,
  counted,
}: {
  readonly length: number;
  readonly reverse: boolean;
  readonly counted: boolean;
}): Shader {
  return {
    label: 'scan: turn',
    workgroup: 64,
    workgroups: 1,
    bindings: [...(counted ? [{ name: 'turnsGiven', element: 'i32', write: false }] : []), clock(true)],
    body: `if (lane > 0u) { return; }
  let turns = ${counted ? `u32(clamp(turnsGiven[0], 0i, ${length}i))` : `${length}u`};
  let turn = clock[0] + 1u;
  let counts = turn < turns;
  clock[0] = turn;
  clock[1] = select(turn, ${reverse ? 'turns - 1u - turn' : 'turn'}, counts);
  clock[2] = select(0u, 1u, counts);`,
  };
}

function words(type: TensorType): number {
  return isPacked(type.dtype) ? sizeOf(type.shape) / 2 : sizeOf(type.shape);
}

/** Moves whole words, so that the element type does not matter. Binds source, target and, for most, the clock. */
function copying(
  label: string,
  type: TensorType,
  clocked: boolean,
  line: (i: string, size: number) => string,
): Shader | undefined {
  const size = words(type);
  if (size === 0) return undefined;
  if (!Number.isInteger(size))
    throw new Error(`scan: an element of an odd number of 16-bit floats cannot be moved by words.`);
  return {
    label,
    workgroup: 64,
    workgroups: Math.ceil(size / 64),
    bindings: [
      { name: 'source', element: 'u32', write: false },
      { name: 'to', element: 'u32', write: true },
      ...(clocked ? [clock(false)] : []),
    ],
    body: `let i = number * 64u + lane;\n  if (i >= ${size}u) { return; }\n  ${line('i', size)}`,
  };
}

/** Copies a value; `clocked`: the element of this turn. */
export function copyElement(type: TensorType, clocked?: 'clocked'): Shader | undefined {
  return clocked
    ? copying('scan: load', type, true, (i, size) => `to[${i}] = source[clock[1] * ${size}u + ${i}];`)
    : copying('scan: copy', type, false, (i) => `to[${i}] = source[${i}];`);
}

/** Puts an output of the body into its place, zero for a turn that does not count. */
export function storeElement(type: TensorType): Shader | undefined {
  return copying(
    'scan: store',
    type,
    true,
    (i, size) => `to[clock[1] * ${size}u + ${i}] = select(0u, source[${i}], clock[2] == 1u);`,
  );
}

/** Keeps the next carry if the turn counts. */
export function keepCarry(type: TensorType): Shader | undefined {
  return copying('scan: carry', type, true, (i) => `if (clock[2] == 1u) { to[${i}] = source[${i}]; }`);
}
