import type { AnyFeedForward, AnyMixer, AnyNorm, CheckpointLayout, Plugin } from '@tessera/plugin';
import { PluginError } from '@tessera/tensor-core';

/** Contracts that this assembler understands. */
const understood = {
  plugin: 'plugin/1',
  mixer: 'sequence-mixer/1',
  feedForward: 'feed-forward/1',
  norm: 'norm/1',
} as const;

interface Part {
  readonly contract: string;
  readonly name: string;
}

/** The parts that registered plugins offer, by full name. */
export class Registry {
  readonly plugins: readonly Plugin[];
  readonly layouts: readonly CheckpointLayout[];
  readonly #mixers = new Map<string, AnyMixer>();
  readonly #feedForwards = new Map<string, AnyFeedForward>();
  readonly #norms = new Map<string, AnyNorm>();

  /**
   * @param mixers - further ones, given by value
   * @throws {@link PluginError} for a contract that is not understood, or two different parts of one name
   */
  constructor(plugins: readonly Plugin[], mixers: readonly AnyMixer[] = []) {
    this.plugins = plugins;
    for (const plugin of plugins) {
      checkContract(plugin, understood.plugin);
      for (const mixer of plugin.mixers ?? []) register(this.#mixers, mixer, understood.mixer);
      for (const feedForward of plugin.feedForwards ?? [])
        register(this.#feedForwards, feedForward, understood.feedForward);
      for (const norm of plugin.norms ?? []) register(this.#norms, norm, understood.norm);
    }
    for (const mixer of mixers) register(this.#mixers, mixer, understood.mixer);
    this.layouts = plugins.flatMap((plugin) => plugin.layouts ?? []);
  }

  /** All mixers, for tables. */
  get mixers(): readonly AnyMixer[] {
    return [...this.#mixers.values()];
  }

  /** This registry and mixers given by value, as in a list of layers written in code. */
  with(mixers: readonly AnyMixer[]): Registry {
    return mixers.length === 0 ? this : new Registry(this.plugins, [...this.mixers, ...mixers]);
  }

  /** @throws {@link PluginError} naming the package of a mixer that is not registered */
  mixer(name: string, where: string): AnyMixer {
    return find(this.#mixers, name, where, 'mixer', this.plugins);
  }

  /** @throws {@link PluginError} naming the package of a feed-forward that is not registered */
  feedForward(name: string, where: string): AnyFeedForward {
    return find(this.#feedForwards, name, where, 'feed-forward', this.plugins);
  }

  /** @throws {@link PluginError} naming the package of a norm that is not registered */
  norm(name: string, where: string): AnyNorm {
    return find(this.#norms, name, where, 'norm', this.plugins);
  }
}

function checkContract(part: Part, expected: string): void {
  if (part.contract !== expected)
    throw new PluginError(
      `${part.name}: it follows the contract '${part.contract}', expected '${expected}'. Install a version of it, or of the assembler, that fits.`,
      {
        facts: { name: part.name, contract: part.contract, expected },
      },
    );
}

function register<P extends Part>(parts: Map<string, P>, part: P, contract: string): void {
  checkContract(part, contract);
  const known = parts.get(part.name);
  if (known && isSame(known, part)) return;
  if (known)
    throw new PluginError(
      `${part.name} is registered twice, by two different definitions. Install one version of its package.`,
      { facts: { name: part.name } },
    );
  parts.set(part.name, part);
}

/** A definition and the factory made of it are two objects with the same members. */
function isSame(one: object, other: object): boolean {
  const members = Object.entries(one);
  return (
    members.length === Object.keys(other).length &&
    members.every(([key, value]) => (other as Record<string, unknown>)[key] === value)
  );
}

function find<P extends Part>(
  parts: ReadonlyMap<string, P>,
  name: string,
  where: string,
  kind: string,
  plugins: readonly Plugin[],
): P {
  const part = parts.get(name);
  if (part) return part;
  const packageName = name.includes(':') ? name.slice(0, name.indexOf(':')) : undefined;
  const registered = packageName !== undefined && plugins.some((plugin) => plugin.name === packageName);
  const mend =
    packageName === undefined
      ? `Names are of the form 'npm-package:part'.`
      : registered
        ? `${packageName} has no ${kind} of that name; known are ${[...parts.keys()].join(', ') || 'none'}.`
        : `Install ${packageName} and hand its plugin to createAssembler({ plugins: […] }).`;
  throw new PluginError(`${where}: no ${kind} '${name}' is registered. ${mend}`, {
    facts: { where, kind, name, package: packageName },
  });
}
