import type { Model } from '@tessera/assembler';

/** What is needed of a model. */
type GreedyModel = Pick<Model, 'generate' | 'forward'>;

/** How greedy decoding compares with a reference. */
export interface GreedyComparison {
  readonly equal: boolean;
  /** Places where the choice was so close that either counts, and the first one where it was not. */
  readonly remarks: readonly string[];
}

/**
 * Decodes greedily and compares with a reference. Where the two best tokens are closer than `tie`, the other choice is
 * no mistake: decoding goes on from the reference's.
 */
export async function compareGreedy(
  model: GreedyModel,
  { prompt, ids }: { readonly prompt: readonly number[]; readonly ids: readonly number[] },
  tie: number,
  signal: AbortSignal,
): Promise<GreedyComparison> {
  const remarks: string[] = [];
  if (prompt.length >= ids.length || prompt.some((id, at) => id !== ids[at]))
    return { equal: false, remarks: [`greedy_ids does not begin with the ${prompt.length} ids of greedy_prompt.`] };
  for (let known = prompt.length; known < ids.length;) {
    const made = await decode(model, ids.slice(0, known), ids.length - known, signal);
    const at = ids.findIndex((id, index) => id !== made[index]);
    if (at < 0) return { equal: true, remarks };
    const gaps = await gapsAfter(model, ids.slice(0, at));
    const [theirs, ours] = [gaps[ids[at]!] ?? NaN, gaps[made[at] ?? -1] ?? NaN];
    const place = `position ${at}: ${made[at]} instead of ${ids[at]}`;
    const distance = `${Math.max(theirs, ours).toExponential(2)} below our best logit, tolerance ${tie.toExponential(2)}`;
    if (!(theirs <= tie && ours <= tie)) return { equal: false, remarks: [...remarks, `${place}, ${distance}.`] };
    remarks.push(`${place}, a tie: ${distance}.`);
    known = at + 1;
  }
  return { equal: true, remarks };
}

/** The prompt with `count` more tokens, each the most likely one, whatever the checkpoint's own settings are. */
async function decode(
  model: GreedyModel,
  prompt: readonly number[],
  count: number,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const plain = { temperature: 0, repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0, minNewTokens: 0 };
  const { tokenIds } = await model.generate(prompt, { ...plain, maxNewTokens: count, ignoreEos: true, signal });
  return tokenIds;
}

/** How far each token's logit is below the best one, after `ids`. */
async function gapsAfter(model: GreedyModel, ids: readonly number[]): Promise<Float32Array> {
  const { logits, shape } = await model.forward([ids]);
  const last = logits.subarray(-shape[2]);
  const best = last.reduce((highest, logit) => Math.max(highest, logit), -Infinity);
  return last.map((logit) => best - logit);
}
