import type { DeviceSampling } from '@tessera/sampling';
import type { Tensor, TensorType } from '@tessera/tensor-core';
import { fillTree, trace, treeLeaves } from '@tessera/tensor-core';
import { draftChain } from './draft-chain.ts';
import type { HeldProgram } from './program-cache.ts';
import { widthOfTold } from './round-rows.ts';
import { ids, samplerForm, typesOf } from './step-programs.ts';
import type { SessionSize, StepPrograms } from './step-programs.ts';
import { verifyChain } from './verify-chain.ts';

/** What differs between programs that verify. */
export interface VerifyForm {
  /** Tokens that are proposed to a row at most; 0: none. */
  readonly depth: number;
  /** Tokens that end a row at most. */
  readonly ends: number;
  /** Places for what is told of the entries of a round. */
  readonly places: number;
  /** True: it gives what the output matrix read last. */
  readonly hidden: boolean;
  readonly sampling: DeviceSampling;
}

/** What differs between programs that propose. */
export interface DraftChainForm {
  readonly depth: number;
  /** Places for what the round before told of its entries. */
  readonly places: number;
  /** Of the target. */
  readonly vocabSize: number;
  readonly sampling: DeviceSampling;
  /** Tokens a row that stand in for those the model chooses; 0: none. */
  readonly instead: number;
}

/**
 * The program of a round, see {@link verifyChain}. Inputs: rows `[B, 3]`, ends `[B, E]`; with a draft its tokens `[B, γ]` and depths
 * `[B]`; the marks and settings of a sampler, as far as there are any; the leaves of the state. Outputs: what the round tells, rows,
 * what the output matrix read last if that is asked for, the marks if choices are adjusted, the leaves of the state. It takes over rows, marks and state.
 */
export function verifyProgram(programs: StepPrograms, size: SessionSize, form: VerifyForm): Promise<HeldProgram> {
  const { batch: B } = size;
  const { depth, ends, places, hidden, sampling } = form;
  return programs.hold(
    `verify ${depth} ${ends} ${places} ${hidden} ${keyOf(sampling)}`,
    size,
    ({ graph, params, first }) => {
      const { marks, settings } = samplerForm(B, sampling, graph.resolved.spec.vocabSize);
      const proposal = depth > 0 ? [ids(B, depth), ids(B)] : [];
      const types = [ids(B, 3), ids(B, ends), ...proposal, ...typesOf(marks), ...typesOf(settings), ...typesOf(first)];
      const traced = trace((...inputs) => {
        const take = takerOf(inputs);
        const made = verifyChain({
          graph,
          params,
          rows: take.one(),
          ends: take.one(),
          ...(depth > 0 && { proposed: { tokens: take.one(), depths: take.one() } }),
          sampler: { marks: take.tree(marks), settings: take.tree(settings) },
          sampling,
          places,
          hidden,
          state: take.tree(first),
        });
        return [
          made.result,
          made.rows,
          ...treeLeaves(made.hidden),
          ...treeLeaves(made.marks),
          ...treeLeaves(made.state),
        ];
      }, types);
      const givenMarks = 2 + proposal.length;
      return {
        graph: traced,
        donate: [
          0,
          ...treeLeaves(marks).map((_, index) => givenMarks + index),
          ...lastOf(types, treeLeaves(first).length),
        ],
      };
    },
  );
}

/**
 * The program of a model that proposes, see {@link draftChain}. Inputs: what the round before told `[B, 3 N + 3]`, rows `[B, 3]`, depths
 * `[B]`, if they are given tokens that stand in `[B, N]`, the marks and settings of a sampler, the leaves of the state. Outputs:
 * tokens `[B, γ]`, depths `[B]`, the leaves of the state, which it takes over.
 */
export function draftProgram(programs: StepPrograms, size: SessionSize, form: DraftChainForm): Promise<HeldProgram> {
  const { batch: B } = size;
  const { depth, places, vocabSize, sampling, instead } = form;
  const key = `propose ${depth} ${places} ${vocabSize} ${keyOf(sampling)} ${instead}`;
  return programs.hold(key, size, ({ graph, params, first }) => {
    const { marks, settings } = samplerForm(B, sampling, vocabSize);
    const types = [
      ids(B, widthOfTold(places)),
      ids(B, 3),
      ids(B),
      ...(instead > 0 ? [ids(B, instead)] : []),
      ...typesOf(marks),
      ...typesOf(settings),
      ...typesOf(first),
    ];
    const traced = trace((...inputs) => {
      const take = takerOf(inputs);
      const made = draftChain({
        graph,
        params,
        depth,
        vocabSize,
        before: take.one(),
        rows: take.one(),
        depths: take.one(),
        instead: instead > 0 ? take.one() : undefined,
        sampler: { marks: take.tree(marks), settings: take.tree(settings) },
        sampling,
        state: take.tree(first),
      });
      return [made.tokens, made.depths, ...treeLeaves(made.state)];
    }, types);
    return { graph: traced, donate: lastOf(types, treeLeaves(first).length) };
  });
}

function keyOf({ sampled, adjusted }: DeviceSampling): string {
  return `${sampled} ${adjusted}`;
}

/** Takes inputs one after another. */
function takerOf(inputs: readonly Tensor[]): { one(): Tensor; tree<T>(like: T): T } {
  let next = 0;
  return {
    one: () => inputs[next++]!,
    tree(like) {
      const filled = fillTree(like, inputs.slice(next));
      next += treeLeaves(like).length;
      return filled;
    },
  };
}

function lastOf(types: readonly TensorType[], count: number): number[] {
  return types.slice(-count).map((_, index) => types.length - count + index);
}
