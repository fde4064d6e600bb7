import type { Tensor } from '@tessera/tensor-core';

/** True for zeros that are known as such when a graph is recorded. */
export function isKnownZero({ source }: Tensor): boolean {
  if (source.kind === 'node')
    return source.node.op.id === '@tessera/tensor-core:broadcast' && isKnownZero(source.node.inputs[0]!);
  return source.kind === 'host' && Array.from(source.data).every((value) => value === 0);
}
