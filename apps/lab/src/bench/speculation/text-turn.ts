import type { Model } from '@tessera/assembler';

/** Where one greedy text leaves another. */
export interface TextTurn {
  /** Number of the first token that differs. */
  readonly token: number;
  /** By how much the likeliest token is ahead of the next one there, as a part of the largest logit. */
  readonly gap: number;
}

/** Up to here rounding may choose: sums in another order differ by some 10⁻⁶ of the largest logit. */
export const nearTie = 1e-4;

/** Where a text leaves the plain one, if it does, and how close the logits were there. */
export async function turnOf(
  model: Model,
  prompt: readonly number[],
  plain: readonly number[],
  text: readonly number[],
): Promise<TextTurn | undefined> {
  const token = plain.findIndex((id, index) => id !== text[index]);
  if (token < 0 && text.length === plain.length) return undefined;
  const at = token < 0 ? plain.length : token;
  const read = [...prompt, ...plain.slice(0, at)];
  using session = await model.session({ capacity: read.length });
  const logits = await session.feed([read]);
  return { token: at, gap: gapOf(logits) };
}

/** By how much the largest of some logits is ahead of the next one, as a part of the largest magnitude. */
export function gapOf(logits: Float32Array): number {
  let [best, second, largest] = [-Infinity, -Infinity, 0];
  for (const value of logits) {
    largest = Math.max(largest, Math.abs(value));
    if (value > best) [best, second] = [value, best];
    else if (value > second) second = value;
  }
  return (best - second) / largest;
}
