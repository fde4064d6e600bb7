import type { TensorRule } from '@tessera/plugin';

/** Names of the published tensors of a rule, in order. */
export function publishedNames(rule: TensorRule): readonly string[] {
  return rule.kind === 'regroup' ? rule.published : [rule.published];
}

/** Names of our tensors of a rule, in order. A copy has none of its own. */
export function oursNames(rule: TensorRule): readonly string[] {
  switch (rule.kind) {
    case 'rename':
    case 'taps':
      return [rule.ours];
    case 'split':
    case 'regroup':
      return rule.ours;
    case 'copy':
      return [];
  }
}

/** The rule with prefixes before its published names and before ours. */
export function placedRule(rule: TensorRule, published: string, ours: string): TensorRule {
  switch (rule.kind) {
    case 'rename':
    case 'taps':
      return { ...rule, published: published + rule.published, ours: ours + rule.ours };
    case 'split':
      return { ...rule, published: published + rule.published, ours: rule.ours.map((name) => ours + name) };
    case 'regroup':
      return {
        ...rule,
        published: rule.published.map((name) => published + name),
        ours: rule.ours.map((name) => ours + name),
      };
    case 'copy':
      return { ...rule, published: published + rule.published, ours: ours + rule.ours, untied: ours + rule.untied };
  }
}
