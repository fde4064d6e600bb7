import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { LinearModule, ModuleList } from './linear-modules.ts';

/**
 * Which linear maps get a change: names, whole or their last parts (`q_proj`, `mlp.up_proj`); a regular expression of the whole
 * name, as a text; or `all-linear`, all but the map to logits.
 */
export type Targets = readonly string[] | string;

/**
 * The modules that targets name, as PEFT understands them.
 * @throws {@link UnsupportedOptionError} for a target that names no linear map
 */
export function chooseModules({ linear, names }: ModuleList, targets: Targets, where: string): readonly LinearModule[] {
  if (targets === 'all-linear') return linear.filter(({ isHead }) => !isHead);
  if (typeof targets === 'string') {
    const pattern = patternOf(targets, where);
    const chosen = linear.filter(({ name }) => pattern.test(name));
    if (chosen.length === 0) throw noModule(targets, linear, names, where);
    return chosen;
  }
  for (const target of targets)
    if (!linear.some(({ name }) => isNamed(name, target))) throw noModule(target, linear, names, where);
  return linear.filter(({ name }) => targets.some((target) => isNamed(name, target)));
}

/** The shortest list of targets that names just these modules: last parts of names where they suffice, else whole names. */
export function shortestTargets(chosen: readonly LinearModule[], { names }: ModuleList): readonly string[] {
  const wanted = new Set(chosen.map(({ name }) => name));
  const last = [...new Set([...wanted].map((name) => name.split('.').at(-1)!))].toSorted();
  const named = [...names].filter((name) => last.some((target) => isNamed(name, target)));
  return named.every((name) => wanted.has(name)) ? last : [...wanted].toSorted();
}

/** True when a name is the target, or ends with it. */
function isNamed(name: string, target: string): boolean {
  return name === target || name.endsWith(`.${target}`);
}

function patternOf(source: string, where: string): RegExp {
  try {
    return new RegExp(`^(?:${source})$`, 'u');
  } catch (cause) {
    throw new UnsupportedOptionError(
      `${where} is ${JSON.stringify(source)}, which is no regular expression that is understood here. Give a list of names.`,
      { facts: { targets: source }, cause },
    );
  }
}

function noModule(
  target: string,
  linear: readonly LinearModule[],
  names: ReadonlySet<string>,
  where: string,
): UnsupportedOptionError {
  const kinds = [...new Set(linear.map(({ name }) => name.split('.').at(-1)!))];
  const known = [...names].some((name) => isNamed(name, target));
  const hint = target === 'lm_head' ? ' A head that is tied to the embedding has no change of its own.' : '';
  return new UnsupportedOptionError(
    `${where}: ${JSON.stringify(target)} names ${known ? 'what is no linear map' : 'nothing'} in this model, expected names among ${kinds.join(', ')}, whole names, or "all-linear".${hint}`,
    { facts: { target, known: kinds } },
  );
}
