import { readFileSync } from 'node:fs';
import type { Row } from '../bench/row.ts';

/** A row that somebody else measured at the same shape on the same machine. */
export interface PeerRow {
  readonly group: string;
  readonly shape: string;
  /** That of our row, beside which it stands. */
  readonly dtype: string;
  /** How the peer computes: `f32`, `TF32`, `bf16, tensor cores`. */
  readonly variant: string;
  /** Median of GPU time. */
  readonly microseconds: number;
}

/** A model that somebody else ran. */
interface PeerModel {
  readonly dtype: string;
  /** Tokens a second: every id awaited. */
  readonly decodeAwaited: number;
  /** Tokens a second: ids stay on the device until all are made. */
  readonly decodeBatched: number;
  /** Tokens of the prompt a second. */
  readonly prefill: number;
}

/** Training steps that somebody else made at the same shape; times are microseconds of a step. */
export interface PeerTraining {
  /** How the peer computes: `f32`, `bf16 autocast`. */
  readonly variant: string;
  readonly optimizer: string;
  /** Median between events on the GPU at both ends of a step. */
  readonly step: number;
  /** By the clock, over a run of as many steps. */
  readonly wall: number;
  /** The most bytes that tensors held. */
  readonly heldBytes: number;
  /** Of the first step and the last. */
  readonly losses: readonly [first: number, last: number];
}

/** What `peers/torch_peers.py` writes. */
export interface Peers {
  /** Name and version. */
  readonly peer: string;
  readonly device: string;
  /** True when everything was run at tiny sizes, to see that it works. */
  readonly dry: boolean;
  readonly rows: readonly PeerRow[];
  readonly models: readonly PeerModel[];
  readonly training: readonly PeerTraining[];
  /** What could not be run, and why. */
  readonly failures: readonly string[];
}

/**
 * Reads what a peer measured.
 * @param dry - whether ours is a dry run
 * @throws Error when the file is of another form, or its figures say nothing
 */
export function readPeers(path: string, dry: boolean): Peers {
  const peers = JSON.parse(readFileSync(path, 'utf8')) as Partial<Peers>;
  if (typeof peers.peer !== 'string' || !Array.isArray(peers.rows) || !Array.isArray(peers.models))
    throw new Error(
      `--peers=${path}: the file has no peer, rows and models. Give the file that peers/torch_peers.py wrote.`,
    );
  if (peers.dry === true && !dry)
    throw new Error(`--peers=${path}: these are of a dry run, whose figures say nothing. Run the peers without --dry.`);
  return { failures: [], training: [], device: '', dry: false, ...peers } as Peers;
}

/** The peer's rows at the shape and dtype of ours. */
export function besideOf(row: Pick<Row, 'group' | 'shape' | 'dtype'>, peers: Peers | undefined): PeerRow[] {
  return (peers?.rows ?? []).filter(
    ({ group, shape, dtype }) => group === row.group && shape === row.shape && dtype === row.dtype,
  );
}
