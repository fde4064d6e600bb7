import type { HiddenDraft } from '@tessera/assembler';
import type { Program } from '@tessera/tensor-core';
import { FeatureUnavailableError, UnsupportedOptionError, fromHost } from '@tessera/tensor-core';
import type { Draft } from '../acceptance/draft.ts';
import { noDraft } from '../acceptance/draft.ts';
import type { CandidateNodes, CandidateTree } from '../heads/candidate-tree.ts';
import { candidateChain, candidateNodes, likeliest } from '../heads/candidate-tree.ts';
import type { MedusaHeads } from '../heads/medusa-heads.ts';
import { stepBytes, waitingBytes } from '../costs.ts';
import type { DraftSource, OpenDraftSource } from './draft-source.ts';

/** Settings of {@link medusaHeads}. */
export interface MedusaHeadsSourceOptions {
  /**
   * Which of the heads' likeliest tokens are proposed, as ranks, the best path first: `[[0], [0, 0], [1]]`; `'chain'`: the likeliest
   * of each. Of a tree as many nodes are read as the longest draft has tokens.
   * With a tree the host decides what stays; beside it a device proposes and verifies chains by itself, one round ahead.
   * @defaultValue 'chain'
   */
  readonly tree?: CandidateTree | 'chain' | undefined;
}

/**
 * Heads of the target itself, which guess from its last hidden state: nothing more is read of the text, and there is no second model. A
 * text begins with one round without a draft, since nothing was read with its last token before.
 * @param heads - of the target; they stay the caller's
 * @throws {@link UnsupportedOptionError} for a tree that is none
 */
export function medusaHeads(heads: MedusaHeads, { tree }: MedusaHeadsSourceOptions = {}): DraftSource {
  const { config, model } = heads;
  const { vocabSize } = config.model;
  const wanted = tree ?? 'chain';
  const paths = wanted === 'chain' ? candidateChain(config.heads) : wanted;
  const nodes = candidateNodes(paths, config.heads, vocabSize);
  return {
    name: 'heads',
    trees: wanted !== 'chain',
    hidden: wanted === 'chain' ? 'device' : true,
    depth: Math.max(...paths.map((path) => path.length)),
    nodes: paths.length,
    cost: () => costOf(heads),
    async open({ target, rows, coupled = false }) {
      if (target !== model)
        throw new UnsupportedOptionError(
          'medusaHeads: the heads belong to another model than the one that decodes. Load them onto this one.',
        );
      if (coupled && wanted === 'chain') return new HeadsOnDevice(heads, rows.length);
      return new HeadsAtWork(heads, await heads.compile(rows.length), rows.length, {
        ...nodes,
        parents: wanted === 'chain' ? undefined : nodes.parents,
      });
    },
  };
}

/** What a token of a draft takes, in steps of the target. */
function costOf({ config, model, parameters }: MedusaHeads): number {
  const { dModel, vocabSize } = model.spec;
  const output = config.ownOutput ? 0 : vocabSize * dModel;
  const read = (parameters / config.heads + output) / model.memory.parameters;
  // All heads together wait about as long as a layer.
  const { device, memory } = model;
  return (read * memory.weightBytes + waitingBytes(device) / config.heads) / stepBytes(model);
}

/** Where the device proposes by itself: it compiles what for, and is asked nothing. */
class HeadsOnDevice implements OpenDraftSource {
  readonly guess: HiddenDraft;
  readonly #programs = new Map<number, Promise<Program>>();

  constructor(heads: MedusaHeads, rows: number) {
    this.guess = {
      depth: heads.config.heads,
      program: (depth) => {
        const made = this.#programs.get(depth) ?? heads.compileChain(rows, depth);
        this.#programs.set(depth, made);
        return made;
      },
    };
  }

  propose(): Promise<readonly Draft[]> {
    return Promise.reject(new FeatureUnavailableError('medusaHeads: the device proposes. Run rounds of the device.'));
  }

  [Symbol.dispose](): void {
    for (const program of this.#programs.values())
      program.then(
        (made) => made.dispose(),
        () => {}, // Who asked for it was told.
      );
    this.#programs.clear();
  }
}

class HeadsAtWork implements OpenDraftSource {
  readonly #heads: MedusaHeads;
  readonly #program: Program;
  readonly #nodes: Omit<CandidateNodes, 'parents'> & { readonly parents: CandidateNodes['parents'] | undefined };
  /** What the output matrix read last of each row. */
  readonly #hidden: (Float32Array | undefined)[];

  constructor(
    heads: MedusaHeads,
    program: Program,
    rows: number,
    nodes: Omit<CandidateNodes, 'parents'> & { readonly parents: CandidateNodes['parents'] | undefined },
  ) {
    this.#heads = heads;
    this.#program = program;
    this.#nodes = nodes;
    this.#hidden = new Array<Float32Array | undefined>(rows).fill(undefined);
  }

  async propose(most: readonly number[]): Promise<readonly Draft[]> {
    const asked = most.map((depth, b) => depth > 0 && this.#hidden[b] !== undefined);
    if (!asked.includes(true)) return most.map(() => noDraft);
    const logits = await this.#guess();
    const { heads: headOf, ranks, parents, widths } = this.#nodes;
    const V = this.#heads.model.spec.vocabSize;
    return most.map((_, b) => {
      if (!asked[b]) return noDraft;
      const best = widths.map((width, head) => {
        const at = (b * this.#heads.config.heads + head) * V;
        return likeliest(logits.subarray(at, at + V), width);
      });
      return { tokens: ranks.map((rank, node) => best[headOf[node]!]![rank]!), ...(parents && { parents }) };
    });
  }

  async keep(_: readonly (readonly number[])[], hidden?: readonly (Float32Array | undefined)[]): Promise<void> {
    if (!hidden || hidden.every((row) => row === undefined))
      throw new FeatureUnavailableError(
        'medusaHeads: nothing came of what the output matrix read. Give Rounds the `hidden` of the source.',
      );
    hidden.forEach((row, b) => (this.#hidden[b] = row ?? this.#hidden[b]));
  }

  [Symbol.dispose](): void {
    this.#program.dispose();
  }

  /** Logits of all heads for each row, `[B, heads, V]`. */
  async #guess(): Promise<Float32Array> {
    const { model } = this.#heads;
    const D = model.spec.dModel;
    const h = new Float32Array(this.#hidden.length * D);
    this.#hidden.forEach((row, b) => row && h.set(row, b * D));
    const [logits] = this.#program.run([fromHost(h, [this.#hidden.length, D])]);
    // In the turn of the run, so that both are one submit.
    const reading = model.device.read(logits!);
    try {
      return (await reading) as Float32Array;
    } finally {
      logits!.dispose();
    }
  }
}
