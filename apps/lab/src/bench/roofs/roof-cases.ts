import type { KernelCase } from '../kernel-case.ts';
import type { Row } from '../row.ts';
import type { Scale } from '../scale.ts';
import type { Roofs } from '../work.ts';
import { multiplyAddCase } from './multiply-adds.ts';
import { streamBlock, streamCases } from './streams.ts';
import { workgroupMemoryCase } from './workgroup-memory.ts';

/** What the device reaches at best in this process: memory, arithmetic, workgroup memory. */
export function roofCases(scale: Scale): KernelCase[] {
  const dry = scale === 'dry';
  const [workgroups, turns] = dry ? [2, 3] : [16_384, 225];
  return [
    ...streamCases(dry ? streamBlock : 2 ** 26),
    multiplyAddCase('f32', workgroups, turns),
    multiplyAddCase('f16', workgroups, turns),
    workgroupMemoryCase(workgroups, turns),
  ];
}

/** The two roofs that other rows are measured against, once more in the end. */
export function lastRoofs(scale: Scale): KernelCase[] {
  return roofCases(scale)
    .filter(({ shape, dtype }) => dtype === 'f32' && /^(copy|multiply-adds)/.test(shape))
    .map((one) => ({ ...one, shape: `${one.shape}, in the end` }));
}

/** The roofs that other rows are measured against; undefined when one of them has no figure. */
export function roofsOf(rows: readonly Row[]): Roofs | undefined {
  const figures = (start: string): Row['figures'] =>
    rows.find(({ group, dtype, shape }) => group === 'roofs' && dtype === 'f32' && shape.startsWith(start))?.figures;
  const copy = figures('copy');
  const arithmetic = figures('multiply-adds');
  return copy && arithmetic && { copy: copy.gigabytesPerSecond, f32: arithmetic.teraflops };
}
