import type { AnyMixer } from '@tessera/plugin';

/** What a mixer can do, as it declares it. */
export interface MixerCapabilities {
  readonly name: string;
  /** False for encoders: no generation. */
  readonly decoding: boolean;
  /** `native`: candidate trees in one pass; `by node`: exact, one state a node. */
  readonly trees: 'native' | 'by node' | 'none';
  /** `in place`: rejected drafts are taken back by moving rows; `replay`: by a step over the accepted ones. */
  readonly rollback: 'in place' | 'replay' | 'none';
  /** Outputs of earlier layers that it reads. */
  readonly reads: readonly string[];
}

/** One row a mixer. */
export function capabilityTable(mixers: readonly AnyMixer[]): readonly MixerCapabilities[] {
  return mixers.map(({ name, decoding, reads }) => ({
    name,
    decoding: decoding !== undefined,
    trees: !decoding ? 'none' : decoding.trees ? 'native' : 'by node',
    rollback: !decoding ? 'none' : decoding.commit ? 'in place' : 'replay',
    reads: Object.keys(reads ?? {}),
  }));
}
