import type { Group } from '../bench/kernel-case.ts';
import { groupNames } from '../bench/kernel-case.ts';
import type { Row, RowFigures } from '../bench/row.ts';
import type { Peers } from './peers.ts';
import { besideOf } from './peers.ts';
import { number, percent, table, time, timeSpread } from './text.ts';

const titles: Readonly<Record<Group, string>> = {
  roofs: 'Roofs, measured in this process',
  matmul: 'Products of matrices',
  gemv: 'One row times a weight',
  attention: 'Attention of prompts',
  decode: 'Attention of one query over a cache',
  latent: 'Decode steps over keys and values, tied heads and latents',
  norms: 'Norms and softmax',
  maps: 'Elementwise expressions',
  'delta-rule': 'The gated delta rule',
  linear: 'Linear attention',
};

const columns = ['GPU', 'wall', 'host', 'dispatches', 'clock', 'GB/s', 'TFLOP/s', 'bound by', 'of roof'];

/** Groups whose rates of bytes are shown against the copy roof also where arithmetic bounds them. */
const readers: ReadonlySet<Group> = new Set(['latent']);

function columnsOf(group: Group): string[] {
  return readers.has(group) ? ['must read', ...columns, 'of copy roof'] : columns;
}

function cellsOf({ group, work }: Row, figures: RowFigures): string[] {
  if (!readers.has(group)) return cells(figures);
  const { ofCopyRoof } = figures;
  return [
    `${number(work.bytes / 2 ** 20)} MiB`,
    ...cells(figures),
    ofCopyRoof === undefined ? '—' : `${percent(ofCopyRoof)}${ofCopyRoof > 1 ? ' †' : ''}`,
  ];
}

function cells(figures: RowFigures): string[] {
  const { gpu, wall, host, dispatches, clock, gigabytesPerSecond, teraflops, bound, ofRoof } = figures;
  return [
    gpu ? timeSpread(gpu) : '—',
    timeSpread(wall),
    time(host.median),
    number(dispatches),
    clock,
    number(gigabytesPerSecond),
    teraflops < 0.001 ? '—' : number(teraflops),
    bound?.by ?? '—',
    ofRoof === undefined ? '—' : `${percent(ofRoof)}${ofRoof > 1 ? ' †' : ''}`,
  ];
}

function line(row: Row, peers: Peers | undefined, variants: readonly string[]): string[] {
  const { figures, outcome, reason, shape, dtype, error } = row;
  const name = `${shape}, ${dtype}`;
  const beside = besideOf(row, peers);
  const theirs = variants.map((variant) => {
    const found = beside.find((peer) => peer.variant === variant);
    if (!found) return '';
    const ratio = figures ? ` (${number(found.microseconds / figures.microseconds)}×)` : '';
    return `${time(found.microseconds)}${ratio}`;
  });
  const none = outcome === 'dry' ? 'checked, no figures' : `${outcome}${reason === undefined ? '' : `: ${reason}`}`;
  return [
    name,
    ...(figures
      ? cellsOf(row, figures)
      : [
          none,
          ...columnsOf(row.group)
            .slice(1)
            .map(() => '—'),
        ]),
    error === undefined ? '—' : error.toExponential(0),
    ...theirs,
  ];
}

/** One table a group. Beside our rows those of a peer, with our speed as a multiple of its speed. */
export function kernelTables(rows: readonly Row[], peers: Peers | undefined): string {
  return groupNames
    .filter((group) => rows.some((row) => row.group === group))
    .map((group) => {
      const own = rows.filter((row) => row.group === group);
      const variants = [...new Set(own.flatMap((row) => besideOf(row, peers).map(({ variant }) => variant)))];
      const header = ['row', ...columnsOf(group), 'error', ...variants.map((variant) => `${peers!.peer}: ${variant}`)];
      return `### ${titles[group]}\n\n${table(
        header,
        own.map((row) => line(row, peers, variants)),
      )}`;
    })
    .join('\n\n');
}
