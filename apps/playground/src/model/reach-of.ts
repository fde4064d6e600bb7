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
      refusal: 'It cannot go on without end: it has learned a vector for each position, and none beyond the last.',
    };
  const whole = growing.find(({ decoding }) => !decoding.followsPolicy);
  if (whole) {
    const short = whole.name.slice(whole.name.lastIndexOf(':') + 1);
    return { kind: 'context', refusal: `It cannot go on without end: its ${short} layers keep the whole text.` };
  }
  if (growing.length === 0) return { kind: 'constant' };
  if (!wish) return { kind: 'context', refusal: undefined };
  const { sinks, window = windowFor(spec.maxPositions, sinks) } = wish;
  return { kind: 'sinks', sinks, window };
}
