/** Element types of safetensors files that are read and written. `F8_E4M3` is the finite-only variant (`fn`). */
export type SafetensorsDtype =
  | 'F64'
  | 'F32'
  | 'F16'
  | 'BF16'
  | 'I64'
  | 'I32'
  | 'I16'
  | 'I8'
  | 'U64'
  | 'U32'
  | 'U16'
  | 'U8'
  | 'BOOL'
  | 'F8_E4M3'
  | 'F8_E5M2'
  | 'F8_E8M0';

/** Bytes of one element, in the reference implementation's order, by whose reverse it lays tensors out. */
const widths: ReadonlyMap<string, number> = new Map<SafetensorsDtype, number>([
  ['BOOL', 1],
  ['U8', 1],
  ['I8', 1],
  ['F8_E5M2', 1],
  ['F8_E4M3', 1],
  ['F8_E8M0', 1],
  ['I16', 2],
  ['U16', 2],
  ['F16', 2],
  ['BF16', 2],
  ['I32', 4],
  ['U32', 4],
  ['F32', 4],
  ['F64', 8],
  ['I64', 8],
  ['U64', 8],
]);
const order: readonly string[] = [...widths.keys()];

/** Types of the format that are refused by name rather than as unknown: below a byte, or not real numbers. */
const unsupported: ReadonlySet<string> = new Set(['F4', 'F6_E2M3', 'F6_E3M2', 'C64', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ']);

/** True for a dtype that is read and written. */
export function isSafetensorsDtype(name: string): name is SafetensorsDtype {
  return widths.has(name);
}

/** True for a dtype that the format has and this package does not read. */
export function isUnsupportedDtype(name: string): boolean {
  return unsupported.has(name);
}

/** Names of all dtypes that are read and written. */
export function safetensorsDtypes(): SafetensorsDtype[] {
  return [...order] as SafetensorsDtype[];
}

/** Bytes of one element. */
export function dtypeBytes(dtype: SafetensorsDtype): number {
  return widths.get(dtype) as number;
}

/** Position in the reference implementation's order; wider types come later. */
export function dtypeRank(dtype: SafetensorsDtype): number {
  return order.indexOf(dtype);
}

/** Bytes of a tensor, or `undefined` where the product passes 2⁵³ − 1. A shape `[]` has one element. */
export function tensorBytes(dtype: SafetensorsDtype, shape: readonly number[]): number | undefined {
  if (shape.includes(0)) return 0;
  let bytes = dtypeBytes(dtype);
  for (const dim of shape) {
    bytes *= dim; // exact up to 2⁵³, and never less than the true product once past it
    if (!Number.isSafeInteger(bytes)) return undefined;
  }
  return bytes;
}
