/**
 * The inner loop of matrix products as a WebAssembly module of 848 bytes, written out here so that nothing has to be built or
 * fetched. It exports `memory` and `multiply(a, b, out, M, N, K)`: byte offsets of `a [M, K]`, `b [N, K]` and
 * `out [M, N]` (f32, row-major), with M even and N and K multiples of 4. Each result is four partial sums, one for each k
 * modulo 4, joined at the end: the same for every tile, so that a row never depends on its neighbours.
 */
export function simdModule(): Uint8Array<ArrayBuffer> {
  const i32 = 0x7f;
  const v128 = 0x7b;
  const type = section(1, vector([[0x60, ...vector(Array.from({ length: parameters }, () => [i32])), 0]]));
  const declared = section(3, vector([[0]]));
  const memory = section(5, vector([[0, 1]]));
  const exported = section(
    7,
    vector([
      [...name('memory'), 2, 0],
      [...name('multiply'), 0, 0],
    ]),
  );
  const locals = vector([
    [...leb(integers), i32],
    [...leb(accumulators + 3), v128],
  ]);
  const body = [...locals, ...multiply(), end];
  const code = section(10, vector([[...leb(body.length), ...body]]));
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...type, ...declared, ...memory, ...exported, ...code]);
}

const rows = 2;
const columns = 4;
const accumulators = rows * columns;
const parameters = 6;
const integers = 5;
const end = 0x0b;

// Parameters, then locals, by index.
const [a, b, out, M, N, K] = [0, 1, 2, 3, 4, 5];
const [aRow, bRow, n, k, bytes] = [6, 7, 8, 9, 10];
const sums = parameters + integers;
const [left0, left1, right] = [sums + accumulators, sums + accumulators + 1, sums + accumulators + 2];

const get = (local: number): number[] => [0x20, ...leb(local)];
const set = (local: number): number[] => [0x21, ...leb(local)];
const number = (value: number): number[] => [0x41, ...signedLeb(value)];
const add = 0x6a;
const times = 0x6c;
const vectorAdd = [0xfd, ...leb(0xe4)];
const vectorTimes = [0xfd, ...leb(0xe6)];
const load = (byteOffset = 0): number[] => [0xfd, 0, 4, ...leb(byteOffset)];
const addTo = (local: number, ...value: number[]): number[] => [...get(local), ...value, add, ...set(local)];

/** Repeats `body` while the counter, stepped by `step`, is below `limit`; skips it when the limit is 0. */
function loop(counter: number, step: number, limit: number[], body: number[]): number[] {
  return [
    ...number(0), ...set(counter),
    0x02, 0x40, // block: left at once when there is nothing to do
    ...limit, 0x45, 0x0d, 0,
    0x03, 0x40, // loop
    ...body,
    ...addTo(counter, ...number(step)),
    ...get(counter), ...limit, 0x49, 0x0d, 0,
    end,
    end,
  ]; // prettier-ignore
}

function multiply(): number[] {
  const steps: number[] = [];
  for (const [row, value] of [
    [0, left0],
    [1, left1],
  ] as const)
    steps.push(...get(aRow), ...(row === 0 ? [] : [...get(bytes), add]), ...get(k), add, ...load(), ...set(value!));
  for (let column = 0; column < columns; column++) {
    steps.push(...get(bRow), ...number(column), ...get(bytes), times, add, ...get(k), add, ...load(), ...set(right!));
    for (let row = 0; row < rows; row++) {
      const sum = sums + row * columns + column;
      steps.push(
        ...get(sum),
        ...get(row === 0 ? left0! : left1!),
        ...get(right!),
        ...vectorTimes,
        ...vectorAdd,
        ...set(sum),
      );
    }
  }
  const clear = Array.from({ length: accumulators }, (_, i) => [
    0xfd,
    12,
    ...new Array<number>(16).fill(0),
    ...set(sums + i),
  ]).flat();
  const store: number[] = [];
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const sum = sums + row * columns + column;
      const lane = (index: number): number[] => [...get(sum), 0xfd, 31, index];
      const joined = [...lane(0), ...lane(1), 0x92, ...lane(2), ...lane(3), 0x92, 0x92];
      // out + 4 · (row · N + n) + 4 · column
      store.push(
        ...get(out!),
        ...(row === 0 ? [] : [...get(N!), ...number(4), times, add]),
        ...get(n!),
        ...number(4),
        times,
        add,
        ...joined,
        0x38,
        2,
        ...leb(4 * column),
      );
    }
  const tile = [
    ...clear,
    ...loop(k!, 16, get(bytes!), steps),
    ...store,
    ...addTo(bRow!, ...get(bytes!), ...number(columns), times),
  ];
  const m = M!; // counts down: the loop over rows has no counter of its own
  return [
    ...get(K!), ...number(4), times, ...set(bytes!),
    ...get(a!), ...set(aRow!),
    0x02, 0x40, 0x03, 0x40,
    ...get(m), 0x45, 0x0d, 1,
    ...get(b!), ...set(bRow!),
    ...loop(n!, columns, get(N!), tile),
    ...addTo(aRow!, ...get(bytes!), ...number(rows), times),
    ...addTo(out!, ...get(N!), ...number(4 * rows), times),
    ...addTo(m, ...number(-rows)),
    0x0c, 0,
    end, end,
  ]; // prettier-ignore
}

function leb(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)];
}

function signedLeb(value: number): number[] {
  const rest = value >> 7;
  const done = (rest === 0 && (value & 64) === 0) || (rest === -1 && (value & 64) !== 0);
  return done ? [value & 127] : [(value & 127) | 128, ...signedLeb(rest)];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...leb(items.length), ...items.flat()];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...leb(content.length), ...content];
}

function name(text: string): number[] {
  return [...leb(text.length), ...text.split('').map((character) => character.charCodeAt(0))];
}
