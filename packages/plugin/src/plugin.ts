import { PluginError } from '@tessera/tensor-core';
import type { CheckpointLayout } from './layout.ts';
import type { AnyFeedForward, AnyNorm } from './feed-forward.ts';
import type { AnyMixer } from './mixer.ts';

/** What a package offers to an assembler. Nothing happens until it is handed over. */
export interface Plugin {
  readonly contract: 'plugin/1';
  /** Full npm name of the package. */
  readonly name: string;
  readonly mixers?: readonly AnyMixer[];
  readonly feedForwards?: readonly AnyFeedForward[];
  readonly norms?: readonly AnyNorm[];
  readonly layouts?: readonly CheckpointLayout[];
}

/** Checks what can be checked of a plugin before it is used. */
export function definePlugin(plugin: Plugin): Plugin {
  for (const part of [...(plugin.mixers ?? []), ...(plugin.feedForwards ?? []), ...(plugin.norms ?? [])])
    if (!part.name.startsWith(`${plugin.name}:`))
      throw new PluginError(
        `${plugin.name}: its part '${part.name}' must be named '${plugin.name}:…', since checkpoints name the package.`,
        {
          facts: { plugin: plugin.name, part: part.name },
        },
      );
  return plugin;
}
