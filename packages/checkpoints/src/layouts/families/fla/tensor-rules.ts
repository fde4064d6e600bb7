import type { TensorRule } from '@tessera/plugin';

/** A published tensor under another name. */
export function rename(published: string, ours: string): TensorRule {
  return { kind: 'rename', published, ours };
}

/** Weights of maps `name_proj`. */
export function projections(...names: readonly string[]): TensorRule[] {
  return names.map((name) => rename(`${name}_proj.weight`, `${name}_proj`));
}

/** The convolutions over queries, keys and values of so many channels, which are one of ours. None where there are no taps. */
export function convolutions(taps: number, channels: readonly [number, number, number]): TensorRule[] {
  if (taps === 0) return [];
  const published = ['q', 'k', 'v'].map((name) => `${name}_conv1d.weight`);
  const sizes = [channels.reduce((total, size) => total + size)];
  return [{ kind: 'regroup', published, rows: channels, ours: ['conv'], sizes, squeezed: 1 }];
}
