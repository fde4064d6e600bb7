import { describe, expect, test } from 'vitest';
import { acceptCandidates } from './accept-candidates.ts';
import { acceptDraft } from './accept-draft.ts';
import type { Draft } from './draft.ts';
import { checkDraft, cropped } from './draft.ts';
import { residual, without } from './residual.ts';

const oneHot = (token: number, V = 4): Float32Array =>
  Float32Array.from({ length: V }, (_, id) => (id === token ? 1 : 0));
const always = (value: number) => () => value;

describe('a greedy target', () => {
  const greedy = [2, 0, 3, 1];
  const p = (_: number, path: readonly number[]): Float32Array => oneHot(greedy[path.length]!);
  const tree: Draft = { tokens: [1, 2, 3, 0, 3, 2], parents: [-1, -1, 1, 1, 3, 3] };
  const q = tree.tokens.map(() => Float32Array.of(0.25, 0.25, 0.25, 0.25));

  test('takes the branch of its own tokens, then one of its own', () => {
    expect(acceptDraft({ draft: tree, p, uniforms: () => always(0.99) })).toEqual({ path: [1, 3, 4], next: 1 });
  });

  test('does so whether tokens were drawn or listed, for every number', () => {
    for (const u of [0, 0.3, 0.9999999])
      for (const drawn of [undefined, { q, replacement: true }, { q, replacement: false }])
        expect(acceptDraft({ draft: { ...tree, drawn }, p, uniforms: () => always(u) })).toEqual({
          path: [1, 3, 4],
          next: 1,
        });
  });

  test('speculative 11.5: with a tree of one branch is a chain', () => {
    const tokens = [2, 0, 1];
    expect(acceptDraft({ draft: { tokens, parents: [-1, 0, 1] }, p, uniforms: () => always(0.5) })).toEqual(
      acceptDraft({ draft: { tokens }, p, uniforms: () => always(0.5) }),
    );
  });

  test('without a draft gives its token', () => {
    expect(acceptDraft({ draft: { tokens: [] }, p, uniforms: () => always(0.5) })).toEqual({ path: [], next: 2 });
  });
});

describe('candidates', () => {
  const p = Float32Array.of(0.5, 0.25, 0.25, 0);
  test('that were listed twice count once', () => {
    expect(acceptCandidates(p, { tokens: [1, 1] }, always(0.6))).toEqual({ candidate: 0, token: 1 });
  });

  test('that are all rejected leave another token', () => {
    expect(acceptCandidates(p, { tokens: [3, 3], q: oneHot(3), replacement: true }, always(0))).toEqual({
      candidate: -1,
      token: 0,
    });
  });

  test('of a draft with fewer tokens than the target leave the others their share', () => {
    const { token } = acceptCandidates(p, { tokens: [0], q: Float32Array.of(1) }, always(0.9));
    expect(token).toBe(2); // (p − q)₊ is on 1 and 2
  });

  test('of p itself leave p where rounding leaves nothing', () => {
    expect([...residual(p, p)]).toEqual([...p]);
    expect([...without(p, 0)]).toEqual([0, 0.5, 0.5, 0]);
    expect([...without(oneHot(1), 1)]).toEqual([0, 0, 0, 0]);
  });
});

describe('a draft', () => {
  test('is cropped by depth, branches with it', () => {
    const draft: Draft = {
      tokens: [5, 6, 7, 8],
      parents: [-1, 0, -1, 2],
      drawn: { q: [5, 6, 5, 6].map((id) => oneHot(id, 9)) },
    };
    expect(cropped(draft, 1)).toEqual({
      tokens: [5, 7],
      parents: [-1, -1],
      drawn: { q: [oneHot(5, 9), oneHot(5, 9)] },
    });
    expect(cropped(draft, 2)).toBe(draft);
    expect(cropped({ tokens: [1, 2, 3] }, 2)).toEqual({ tokens: [1, 2] });
  });

  test.each<[Draft, string]>([
    [{ tokens: [9] }, 'draft of test: token 0 has id 9, and the target has ids 0 to 3.'],
    [{ tokens: [1, 2], parents: [-1, 1] }, 'the parent of token 1 is 1, expected one before it, or −1.'],
    [{ tokens: [1], parents: [] }, '1 tokens and 0 parents.'],
    [{ tokens: [1], drawn: { q: [] } }, '1 tokens and 0 distributions.'],
    [{ tokens: [1], drawn: { q: [oneHot(2)] } }, 'token 0 (id 1) has probability 0 in what it was drawn from.'],
  ])('that cannot be is refused: %j', (draft, message) => {
    expect(() => checkDraft(draft, 4, 'test')).toThrow(message);
  });
});
