import type { GatherAttributes, ScatterAttributes } from '../primitives/index-ops.ts';
import { rowMajor, sizeOf } from '../shape.ts';
import type { CpuArray, CpuPool } from './array.ts';
import { contiguous, copyInto, isContiguous, view } from './array.ts';
import type { CpuPrimitive } from './primitive.ts';
import { copyRun } from './runs.ts';

/** Rows of a table by number. */
export const gathered: CpuPrimitive<GatherAttributes> = ({
  inputs: [source, index],
  types: [type],
  attributes: { batchDims },
  pool,
}) => {
  const rows = contiguous(source!, pool);
  const out = pool.allocate(type!.dtype, type!.shape);
  forEachRow(rows, index!, batchDims, pool, (row, element, size) => {
    const to = element * size;
    if (row < 0) out.storage.data.fill(0, to, to + size);
    else copyRun(out.storage.data, to, 1, rows.storage.data, rows.offset + row * size, 1, size);
  });
  pool.drop(rows);
  return [out];
};

/** Rows replaced or added to, in place where nothing else can see the difference. */
export const scattered: CpuPrimitive<ScatterAttributes> = ({
  inputs: [base, index, updates],
  attributes: { mode, batchDims },
  pool,
  dying,
}) => {
  const { storage } = base!;
  const owned =
    dying[0] &&
    !storage.borrowed &&
    storage.references === 1 &&
    isContiguous(base!) &&
    // One value may be given twice: what is read while it is written must not be the same memory.
    storage !== index!.storage &&
    storage !== updates!.storage;
  let out: CpuArray;
  if (owned) out = view(base!, { strides: rowMajor(base!.shape) });
  else copyInto((out = pool.allocate(base!.dtype, base!.shape)), 0, base!);
  const news = contiguous(updates!, pool);
  const target = out.storage.data;
  forEachRow(out, index!, batchDims, pool, (row, element, size) => {
    if (row < 0) return;
    const from = news.offset + element * size;
    const to = out.offset + row * size;
    if (mode === 'set') copyRun(target, to, 1, news.storage.data, from, 1, size);
    else for (let k = 0; k < size; k++) target[to + k]! += news.storage.data[from + k]!;
  });
  pool.drop(news);
  return [out];
};

/** Calls `visit(row of the table or −1, number of the element, elements a row)` for each element of a batched index. */
function forEachRow(
  tableArray: CpuArray,
  index: CpuArray,
  batchDims: number,
  pool: CpuPool,
  visit: (row: number, element: number, size: number) => void,
): void {
  const flat = contiguous(index, pool);
  const rows = tableArray.shape[batchDims]!;
  const size = sizeOf(tableArray.shape.slice(batchDims + 1));
  const perBatch = sizeOf(index.shape.slice(batchDims));
  const count = sizeOf(index.shape);
  for (let element = 0; element < count; element++) {
    const row = flat.storage.data[flat.offset + element]!;
    const batch = Math.floor(element / perBatch);
    visit(row >= 0 && row < rows ? batch * rows + row : -1, element, size);
  }
  pool.drop(flat);
}
