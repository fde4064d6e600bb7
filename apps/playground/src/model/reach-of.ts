import type { ResolvedModel } from '@tessera/assembler';
import { decodingOf } from '@tessera/plugin';
import type { Reach, SinkWish } from '../protocol.ts';
import { windowFor } from '../window-for.ts';

/** How far texts of a model go, with the sinks that are wished for where they help. */
export function reachOf({ spec, layers }: ResolvedModel, wish: SinkWish | undefined): Reach {
  const site = { dModel: spec.dModel, layers: layers.length, batch: 1, capacity: spec.maxPositions, chunk: 1 };
  const growing = layers.flatMap(({ mixer }, layer) => {
    if (!mixer?.part.decoding) return [];
    const decoding = decodingOf(mixer.part);
    const { growth } = decoding.memory({ ...site, config: mixer.config, layer });
    return growth === 'constant' || growth === 'bounded' ? [] : [{ name: mixer.part.name, decoding }];
  });
  if (spec.embedding?.positions !== undefined)
    return {
      kind: 'context',
      refusal: 'It has a learned vector for each position, and none beyond the last: it cannot go on without end.',
    };
  const whole = growing.find(({ decoding }) => !decoding.followsPolicy);
  if (whole)
    return { kind: 'context', refusal: `Its layers ${whole.name} keep the whole text: it cannot go on without end.` };
  if (growing.length === 0) return { kind: 'constant' };
  if (!wish) return { kind: 'context', refusal: undefined };
  const { sinks, window = windowFor(spec.maxPositions, sinks) } = wish;
  return { kind: 'sinks', sinks, window };
}
