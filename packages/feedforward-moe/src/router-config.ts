import { bool, fields, int, number, oneOf, optional } from '@tessera/plugin';
import type { Field, FieldsSchema } from '@tessera/plugin';
import { InvalidSpecError } from '@tessera/tensor-core';

/** Groups of experts, of which a token sees only some. */
export interface ExpertGroupsConfig {
  /** Groups that the experts are cut into, one after another. */
  readonly count: number;
  /** Groups that a token chooses. */
  readonly chosen: number;
  /** A group counts as much as its best expert, or as its two best together. */
  readonly by: 'best' | 'best-two';
}

/** How a router scores, chooses and weighs experts. */
export interface RouterConfig {
  /** What makes scores of logits. @defaultValue 'softmax' */
  readonly scores?: 'softmax' | 'sigmoid';
  /** A learned number for each expert is added to its score where experts are chosen, never where they are weighed. @defaultValue false */
  readonly selectionBias?: boolean;
  /** @defaultValue none: every token sees all experts */
  readonly groups?: ExpertGroupsConfig;
  /**
   * The weights of a token are divided by their sum. For softmax that is softmax over the chosen logits alone.
   * @defaultValue false
   */
  readonly normalize?: boolean;
  /** Added to that sum. @defaultValue 0 */
  readonly normalizeEps?: number;
  /** Factor of the weights. @defaultValue 1 */
  readonly scale?: number;
  /** ε: in training, elements of what the router and the experts read are multiplied by numbers from 1 − ε to 1 + ε. @defaultValue 0 */
  readonly jitter?: number;
}

/** Fields of {@link RouterConfig}. */
export const routerFields: FieldsSchema<Required<RouterConfig>> = fields<RouterConfig>(
  {
    scores: oneOf(['softmax', 'sigmoid'], { default: 'softmax' }),
    selectionBias: bool({ default: false }),
    groups: optional(
      fields<ExpertGroupsConfig>({
        count: int({ min: 1 }),
        chosen: int({ min: 1 }),
        by: oneOf(['best', 'best-two']),
      }),
    ) as Field<ExpertGroupsConfig | undefined>,
    normalize: bool({ default: false }),
    normalizeEps: number({ min: 0, default: 0 }),
    scale: number({ default: 1 }),
    jitter: number({ min: 0, max: 1, default: 0 }),
  },
  { default: {} },
);

/**
 * Checks what no field says by itself.
 * @throws {@link InvalidSpecError} when a token could not choose so many experts
 */
export function checkRouter(
  { groups }: { readonly groups?: ExpertGroupsConfig | undefined },
  { experts, chosen }: { readonly experts: number; readonly chosen: number },
): void {
  const refuse = (message: string, facts: object): never => {
    throw new InvalidSpecError(`mixture: ${message}`, { facts: { experts, chosen, ...facts } });
  };
  if (chosen > experts)
    refuse(`expertsPerToken is ${chosen}, expected at most experts = ${experts}: a token takes each expert once.`, {});
  if (!groups) return;
  const size = experts / groups.count;
  if (!Number.isInteger(size))
    refuse(`router.groups.count is ${groups.count}, expected a divisor of experts = ${experts}, so that groups are alike.`, { groups }); // prettier-ignore
  if (groups.chosen > groups.count)
    refuse(`router.groups.chosen is ${groups.chosen}, expected at most router.groups.count = ${groups.count}.`, { groups }); // prettier-ignore
  if (groups.by === 'best-two' && size < 2)
    refuse(`router.groups.by is 'best-two' and a group has one expert. Set it to 'best', or count to ${experts / 2} or less.`, { groups }); // prettier-ignore
  if (groups.chosen * size < chosen)
    refuse(
      `router.groups.chosen = ${groups.chosen} groups of ${size} hold ${groups.chosen * size} experts, expected at least expertsPerToken = ${chosen}.`,
      { groups },
    );
}
