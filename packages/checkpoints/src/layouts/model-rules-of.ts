import { layerSlots } from '@tessera/plugin';
import type { PublishedShapes, TensorRule } from '@tessera/plugin';
import type { NamedPart, PresentBelow, PublishedModel } from './published-model.ts';
import { placedRule, publishedNames } from './rule-names.ts';

/** The tensor rules of a published model. Where versions spell a name differently, the tensors that are present decide. */
export function modelRulesOf(model: PublishedModel, present?: PublishedShapes): readonly TensorRule[] {
  const prefix = prefixOf(model, present);
  const { embedding, finalNorm } = model;
  const rules = [
    ...embeddingRules(model, prefix, present),
    ...model.layers.flatMap((layer, index) =>
      layerSlots.flatMap((slot) => {
        const held = layer[slot];
        return held
          ? partRules(held, `${prefix}${model.layersName}.${index}.`, `layers.${index}.${slot}.`, present)
          : [];
      }),
    ),
    ...partRules(finalNorm, prefix, 'finalNorm.', present),
  ];
  if (embedding.positions)
    rules.push({ kind: 'rename', published: prefix + embedding.positions.name, ours: 'embedding.positions' });
  return rules;
}

/** The prefix under which the file has the embedding, else the one that any of its names begins with, else the usual one. */
function prefixOf({ prefixes, embedding, layersName }: PublishedModel, present?: PublishedShapes): string {
  if (!present) return prefixes[0];
  const names = [...present.keys()];
  return (
    prefixes.find((prefix) => present.has(prefix + embedding.name)) ??
    prefixes.find((prefix) => names.some((name) => name.startsWith(`${prefix}${layersName}.`))) ??
    prefixes[0]
  );
}

/**
 * Embedding and head. A tied matrix is published under the embedding's name, under the head's, or under both; with both, a
 * `copy` rule leaves it to the values whether the model is tied.
 */
export function embeddingRules(
  { embedding, head }: Pick<PublishedModel, 'embedding' | 'head'>,
  prefix: string,
  present?: PublishedShapes,
): TensorRule[] {
  const embeddingName = prefix + embedding.name;
  const headName = head.names.find((name) => present?.has(name));
  if (!head.tied)
    return [
      { kind: 'rename', published: embeddingName, ours: 'embedding.weight' },
      { kind: 'rename', published: headName ?? head.names[0], ours: 'head.weight' },
    ];
  if (headName === undefined) return [{ kind: 'rename', published: embeddingName, ours: 'embedding.weight' }];
  if (!present?.has(embeddingName)) return [{ kind: 'rename', published: headName, ours: 'embedding.weight' }];
  return [
    { kind: 'rename', published: embeddingName, ours: 'embedding.weight' },
    { kind: 'copy', published: headName, ours: 'embedding.weight', untied: 'head.weight' },
  ];
}

/** Rules of one part under the first of its names that the file has. */
function partRules(
  { names, part }: NamedPart,
  publishedAbove: string,
  oursAbove: string,
  present?: PublishedShapes,
): TensorRule[] {
  const presentBelow =
    (name: string): PresentBelow =>
    (tensor) =>
      present?.get(`${publishedAbove}${name}.${tensor}`);
  const isThere = (name: string): boolean =>
    part.rules(presentBelow(name)).some((rule) => publishedNames(rule).some(presentBelow(name)));
  const name = (names.length > 1 ? names.find(isThere) : undefined) ?? names[0];
  return part.rules(presentBelow(name)).map((rule) => placedRule(rule, `${publishedAbove}${name}.`, oursAbove));
}
