import type { Tensor } from '@tessera/tensor-core';
import { gatedDeltaRuleChunked, gatedDeltaRuleRecurrent } from './gated-delta-rule.ts';
import type { GatedDeltaRuleCall } from './gated-delta-rule.ts';
import { draws } from './gradient-check.test-support.ts';
import type { GradientCase } from './gradient-check.test-support.ts';

interface DeltaRuleCase {
  readonly T: number;
  readonly B?: number;
  readonly P?: number;
  readonly H?: number;
  readonly K?: number;
  readonly V?: number;
}

type Rule = (call: GatedDeltaRuleCall) => { o: Tensor; S: Tensor };

function rulesOf(T: number): (readonly [string, Rule])[] {
  // A whole chunk is computed however few entries there are.
  const chunks = [4, T > 60 ? 64 : 16];
  const byChunks = chunks.map((chunk): readonly [string, Rule] => [
    `by chunks of ${chunk}`,
    (call) => gatedDeltaRuleChunked(call, { chunk }),
  ]);
  return [['step by step', gatedDeltaRuleRecurrent], ...byChunks];
}

function deltaRuleCases({ T, B = 1, P = 2, H = P, K = 3, V = 2 }: DeltaRuleCase): GradientCase[] {
  const inputs = [
    draws([B, T, P, K]),
    draws([B, T, P, K], 2, -0.6, 0.6),
    draws([B, T, H, V], 3),
    draws([B, T, H], 4, -1, 0),
    draws([B, T, H], 5, 0, 1),
    draws([B, H, K, V], 6),
  ];
  return rulesOf(T).map(([name, rule]) => ({
    name: `the gated delta rule ${name}: ${T} entries, ${P} and ${H} heads of ${K} by ${V}`,
    inputs,
    build: (q, k, v, g, beta, S) => Object.values(rule({ q: q!, k: k!, v: v!, g: g!, beta: beta!, S: S! })),
  }));
}

/** The gated delta rule with a state before it, in each of its forms. */
export const deltaRuleGradientCases: readonly GradientCase[] = [
  { T: 0 },
  { T: 1, B: 2 },
  { T: 5, B: 2, P: 1, H: 3 },
  { T: 9, K: 1, V: 1 },
  { T: 63 },
  { T: 65, P: 1 },
].flatMap(deltaRuleCases);
