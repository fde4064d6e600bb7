import { softmax } from '@tessera/attention-softmax';
import { feedForward } from '@tessera/feedforward';
import { norms } from '@tessera/norms';
import { layerSlots } from '@tessera/plugin';
import type { ModelSpec, Plugin } from '@tessera/plugin';

/** What the first model needs comes with the page. */
const atHand: readonly Plugin[] = [softmax, norms, feedForward];

/** The other families by the names that specs call them by. Each is fetched when a model names it. */
const others: Readonly<Record<string, () => Promise<Plugin>>> = {
  '@tessera/attention-latent': async () => (await import('@tessera/attention-latent')).latentAttentions,
  '@tessera/attention-linear': async () => (await import('@tessera/attention-linear')).linearAttention,
  '@tessera/feedforward-moe': async () => (await import('@tessera/feedforward-moe')).mixtureOfExperts,
  '@tessera/mixers-memory-mosaic': async () => (await import('@tessera/mixers-memory-mosaic')).memoryMosaics,
};

/** The plugins that a model needs. A family that the page does not know is left out: the assembler then names its package. */
export async function pluginsFor(spec: ModelSpec): Promise<Plugin[]> {
  const parts = [spec.finalNorm, ...spec.layers.flatMap((layer) => layerSlots.map((slot) => layer[slot]))];
  const packages = new Set(parts.flatMap((part) => (part ? [part.type.slice(0, part.type.lastIndexOf(':'))] : [])));
  const needed = Object.entries(others).filter(([name]) => packages.has(name));
  return [...atHand, ...(await Promise.all(needed.map(([, bring]) => bring())))];
}
