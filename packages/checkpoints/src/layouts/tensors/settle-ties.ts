import type { ModelSpec, RenameRule, TensorRule } from '@tessera/plugin';
import { quote } from '../../source/quote.ts';
import type { ReadRawTensor } from './raw-tensor.ts';

/** A spec and its rules after the values had their say. */
export interface SettledTies {
  readonly spec: ModelSpec;
  readonly rules: readonly TensorRule[];
  readonly warnings: readonly string[];
}

/**
 * Decides by the values whether a matrix that a file holds twice is tied. Equal: it is, and the `copy` rule stays, so that a
 * save writes both again. Different: it is not; the copy becomes a tensor of its own and the head is not tied.
 * @param read - reads a published tensor
 */
export async function settleTies(
  spec: ModelSpec,
  rules: readonly TensorRule[],
  read: ReadRawTensor,
): Promise<SettledTies> {
  const warnings: string[] = [];
  let tied = true;
  const settled: TensorRule[] = [];
  for (const rule of rules) {
    const first =
      rule.kind === 'copy' ? rules.find((other) => other.kind === 'rename' && other.ours === rule.ours) : undefined;
    if (rule.kind !== 'copy' || !first || (await sameBytes(rule.published, (first as RenameRule).published, read))) {
      settled.push(rule);
      continue;
    }
    tied = false;
    settled.push({ kind: 'rename', published: rule.published, ours: rule.untied });
    warnings.push(
      `tensors ${quote((first as RenameRule).published)} and ${quote(rule.published)} differ, although config.json says that they are tied; both are used as they are.`,
    );
  }
  return { spec: tied ? spec : { ...spec, head: { ...spec.head, tied: false } }, rules: settled, warnings };
}

async function sameBytes(one: string, other: string, read: ReadRawTensor): Promise<boolean> {
  const [a, b] = await Promise.all([read(one), read(other)]);
  return (
    a.dtype === b.dtype &&
    a.shape.length === b.shape.length &&
    a.shape.every((size, axis) => size === b.shape[axis]) &&
    a.bytes.length === b.bytes.length &&
    a.bytes.every((byte, index) => byte === b.bytes[index])
  );
}
