import type { Model } from '@tessera/assembler';
import { oursNames, publishedLayouts, publishedNames, publishedShapesOf } from '@tessera/checkpoints';
import type { TensorRule } from '@tessera/plugin';
import { UnsupportedArchitectureError } from '@tessera/tensor-core';
import type { Orientation } from './linear-uses.ts';
import { linearUses } from './linear-uses.ts';

/** A linear map as it is published: the module of a `transformers` model whose weight it is. */
export interface LinearModule {
  /** Name of the module there; for a stack of our own the path of the parameter. */
  readonly name: string;
  /** Name of its weight in the files of the model. */
  readonly published: string;
  /** Between its weight and our parameters. */
  readonly rule: TensorRule;
  /** Width of what it reads. */
  readonly inputs: number;
  /** Width of what it gives. */
  readonly outputs: number;
  /** How our parameters are stored. */
  readonly orientation: Orientation;
  /** How its weight is published. */
  readonly publishedOrientation: Orientation;
  /** True for the map to logits. */
  readonly isHead: boolean;
}

/** What an adapter can change in a model. */
export interface ModuleList {
  readonly linear: readonly LinearModule[];
  /** Names of all modules that have tensors. */
  readonly names: ReadonlySet<string>;
}

/**
 * The linear maps of a model, in the order of its parameters.
 * @throws {@link UnsupportedArchitectureError} for a rule between published tensors and ours that is not known to be linear
 */
export function linearModules(model: Model): ModuleList {
  const { params, graph } = model;
  const uses = linearUses(graph);
  const names = new Set<string>();
  const linear: LinearModule[] = [];
  for (const { rule, canonical } of namedRules(model)) {
    const ours = oursNames(rule);
    const shapes = publishedShapesOf(rule, (path) => params[path]!.shape);
    for (const [index, published] of publishedNames(rule).entries()) {
      const name = moduleOf(canonical[index]!);
      names.add(name);
      const orientations = new Set(ours.map((path) => uses.get(path)));
      const [orientation] = orientations;
      const shape = shapes[published]!;
      if (ours.length === 0 || orientations.size > 1 || orientation === undefined || shape.length !== 2) continue;
      checkLinear(rule);
      const turned = 'transposed' in rule && rule.transposed === true;
      const publishedOrientation = turned ? opposite(orientation) : orientation;
      const [outputs, inputs] = (publishedOrientation === 'out-in' ? shape : shape.toReversed()) as [number, number];
      const isHead = ours.includes('head.weight');
      linear.push({ name, published, rule, inputs, outputs, orientation, publishedOrientation, isHead });
    }
  }
  return { linear, names };
}

/** Rules with the names that their published tensors have in a file that is written today. */
function namedRules({ origin, params }: Model): { readonly rule: TensorRule; readonly canonical: readonly string[] }[] {
  if (!origin)
    return Object.keys(params).map((path) => ({
      rule: { kind: 'rename', published: path, ours: path },
      canonical: [path],
    }));
  const layout = publishedLayouts.find(({ modelTypes }) => modelTypes.includes(String(origin.config['model_type'])));
  // Files may leave prefixes out, which modules have all the same.
  const known = new Map(layout?.rules(origin.config).map((rule) => [oursNames(rule).join(), publishedNames(rule)]));
  return origin.rules.map((rule) => {
    const names = publishedNames(rule);
    const canonical = known.get(oursNames(rule).join());
    return { rule, canonical: canonical?.length === names.length ? canonical : names };
  });
}

/** `model.norm` of `model.norm.weight`; what is published under no such name is a module itself. */
function moduleOf(published: string): string {
  const name = published.replace(/\.(?:weight|bias)$/, '');
  // The files of Gemma 3 put it the other way round than the modules are.
  return name
    .replace(/^language_model\.(?:model\.)?(?=lm_head)/, '')
    .replace(/^language_model\.model\./, 'model.language_model.');
}

/** What changes a published weight has to change ours in the same way. */
function checkLinear(rule: TensorRule): void {
  if (['rename', 'split', 'regroup'].includes(rule.kind)) return;
  throw new UnsupportedArchitectureError(
    `${publishedNames(rule).join(', ')}: a rule of kind '${rule.kind}' makes parameters of it, expected one that is known to be linear (rename, split, regroup). An adapter cannot change it.`,
    { facts: { published: publishedNames(rule), kind: rule.kind } },
  );
}

function opposite(orientation: Orientation): Orientation {
  return orientation === 'out-in' ? 'in-out' : 'out-in';
}
