import type { Model } from '@tessera/assembler';
import type { FieldIssue } from '@tessera/plugin';
import { bool, fields, int, oneOf } from '@tessera/plugin';
import { ModelFormatError, UnsupportedOptionError } from '@tessera/tensor-core';

const headsKind = 'tessera-medusa-heads';

/** What `config.json` of heads says: how they are made, and which model they belong to. */
export interface MedusaHeadsConfig {
  readonly kind: 'tessera-medusa-heads';
  /** Number of heads: head k predicts the token k + 1 places after the next one. */
  readonly heads: number;
  /** Residual blocks of each head. */
  readonly blocks: number;
  /** True: each head has an output matrix of its own; false: all use that of the model. */
  readonly ownOutput: boolean;
  /** Facts of the model. */
  readonly model: HeadedModel;
}

/** What heads know of their model. */
export interface HeadedModel {
  readonly dModel: number;
  readonly vocabSize: number;
  readonly layers: number;
  readonly parameters: number;
}

/** How new heads are made. */
export interface MedusaHeadsOptions {
  /** @defaultValue 3 */
  readonly heads?: number | undefined;
  /** Residual blocks of each head. @defaultValue 1 */
  readonly blocks?: number | undefined;
  /** An output matrix for each head, begun as a copy of the model's. @defaultValue false, so that heads are small */
  readonly ownOutput?: boolean | undefined;
}

const count = int({ min: 1 });
const schema = fields<MedusaHeadsConfig>({
  kind: oneOf<'tessera-medusa-heads'>([headsKind]),
  heads: count,
  blocks: count,
  ownOutput: bool(),
  model: fields<HeadedModel>({ dModel: count, vocabSize: count, layers: count, parameters: count }),
});

/**
 * The config of new heads for a model.
 * @throws {@link UnsupportedOptionError} for a number that is no whole one from 1
 */
export function newHeadsConfig(
  model: Model,
  { heads = 3, blocks = 1, ownOutput = false }: MedusaHeadsOptions = {},
): MedusaHeadsConfig {
  for (const [option, value] of Object.entries({ heads, blocks }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw new UnsupportedOptionError(`createMedusaHeads: ${option} is ${value}, expected a whole number from 1.`, {
        facts: { option, value },
      });
  return { kind: headsKind, heads, blocks, ownOutput, model: factsOf(model) };
}

/**
 * Checks what a file says of heads, and that they belong to a model.
 * @throws {@link ModelFormatError} naming a field that is missing, unknown or out of range, or what the models differ in
 */
export function checkHeadsConfig(json: unknown, file: string, model: Model): MedusaHeadsConfig {
  const refuse = (what: string, field: string): never => {
    throw new ModelFormatError(`${file}: ${what}. Take a directory that tessera train-heads wrote.`, {
      facts: { file, field },
    });
  };
  const kind = (json as { readonly kind?: unknown } | null)?.kind;
  if (kind !== headsKind) refuse(`kind is ${JSON.stringify(kind)}, expected "${headsKind}"`, 'kind');
  const issues: FieldIssue[] = [];
  const config = schema.read(json, [], issues);
  for (const { path, message } of issues) refuse(`${path.join('.')} ${message}`, path.join('.'));
  const [theirs, mine] = [config.model, factsOf(model)];
  const other = (Object.keys(mine) as (keyof HeadedModel)[]).find((fact) => theirs[fact] !== mine[fact]);
  if (other)
    throw new ModelFormatError(
      `${file}: the heads belong to a model with ${other} = ${theirs[other]}, and this one has ${mine[other]}. Take the heads that were trained on this model.`,
      { facts: { file, field: other, expected: theirs[other], actual: mine[other] } },
    );
  return config;
}

function factsOf({ spec, memory }: Model): HeadedModel {
  const { dModel, vocabSize, layers } = spec;
  return { dModel, vocabSize, layers: layers.length, parameters: memory.parameters };
}
