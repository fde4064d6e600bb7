import { oursNames, publishedNames, publishedShapesOf } from '@tessera/checkpoints';
import type { TensorRule } from '@tessera/plugin';
import { UnsupportedOptionError } from '@tessera/tensor-core';
import { adamW } from './adamw.ts';
import { muon } from './muon.ts';
import type { MuonSettings, OptimizerSettings } from './optimizer-options.ts';
import { sgd } from './sgd.ts';
import type { UpdateRule } from './update-rule.ts';

/** Parameters that are published together, and how they are updated. */
interface ParameterGroup {
  readonly rule: TensorRule;
  /** Our parameters of the rule. */
  readonly paths: readonly string[];
  /** Index into {@link Optimizer.updates}. */
  readonly update: number;
  readonly decays: boolean;
}

/** An optimiser over the parameters of one model. */
export interface Optimizer {
  readonly updates: readonly UpdateRule[];
  readonly groups: readonly ParameterGroup[];
}

/** What {@link optimizerOver} has to know of a model. */
export interface ParametersOf {
  /** Shapes of the parameters that are trained, by path. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** Between published tensors and ours; absent: parameters are published as they are. */
  readonly rules?: readonly TensorRule[] | undefined;
}

/**
 * Decides for each parameter, by the name and shape under which it is published, how it is updated and whether it decays.
 * @throws {@link UnsupportedOptionError} when tensors that are published and kept in different groupings would be updated
 *   in different ways
 */
export function optimizerOver(settings: OptimizerSettings, { shapes, rules }: ParametersOf): Optimizer {
  const updates =
    settings.kind === 'adamw'
      ? [adamW(settings)]
      : settings.kind === 'sgd'
        ? [sgd(settings)]
        : [muon(settings), adamW(settings.adamw)];
  const groups = trainedRules(shapes, rules).map((rule): ParameterGroup => {
    const paths = oursNames(rule);
    const published = publishedShapesOf(rule, (path) => shapes[path]!);
    const choices = publishedNames(rule).map((name) => choose(settings, name, published[name]!, paths));
    const [first] = choices;
    const other = choices.findIndex(({ update, decays }) => update !== first!.update || decays !== first!.decays);
    if (other !== -1)
      throw new UnsupportedOptionError(
        `optimizer: ${publishedNames(rule)[0]} and ${publishedNames(rule)[other]} would be updated in different ways, and the model keeps them together as ${paths.join(', ')}. Exclude both or neither.`,
        { facts: { published: publishedNames(rule), ours: paths } },
      );
    return { rule, paths, ...first! };
  });
  return { updates, groups };
}

/** Rules of the trained parameters; those that no published tensor holds are published as they are. */
function trainedRules(
  shapes: Readonly<Record<string, readonly number[]>>,
  rules: readonly TensorRule[] = [],
): readonly TensorRule[] {
  const used = rules.filter((rule) => {
    const paths = oursNames(rule);
    return paths.length > 0 && paths.every((path) => path in shapes);
  });
  const covered = new Set(used.flatMap(oursNames));
  const own = Object.keys(shapes).filter((path) => !covered.has(path));
  return [...used, ...own.map((path): TensorRule => ({ kind: 'rename', published: path, ours: path }))];
}

function choose(
  settings: OptimizerSettings,
  name: string,
  shape: readonly number[],
  paths: readonly string[],
): { readonly update: number; readonly decays: boolean } {
  const matrix = shape.length >= 2;
  if (settings.kind !== 'muon') return { update: 0, decays: settings.decayed === 'all' || matrix };
  if (shape.length === 2 && !isExcluded(settings, name, paths)) return { update: 0, decays: true };
  return { update: 1, decays: settings.adamw.decayed === 'all' || matrix };
}

function isExcluded({ exclude }: MuonSettings, name: string, paths: readonly string[]): boolean {
  if (exclude) return exclude.some((part) => name.includes(part));
  return paths.some((path) => /^(?:embedding|head)\./.test(path));
}
