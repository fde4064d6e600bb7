import type { Model, NextToken, Session, TokenDecoder } from '@tessera/assembler';
import { pause } from '@tessera/assembler';
import { deviceSamplingOf } from '@tessera/sampling';
import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { Acceptance, AcceptanceCall } from './acceptance/accept-draft.ts';
import { acceptDraft } from './acceptance/accept-draft.ts';
import { DeviceRounds } from './device-rounds.ts';
import type { RoundsCall } from './rounds.ts';
import { Rounds } from './rounds.ts';
import type { DraftSource, OpenDraftSource } from './sources/draft-source.ts';
import { deviceLengths, draftCost } from './costs.ts';

/** Settings of {@link speculative}. */
export interface SpeculativeOptions {
  /** What proposes tokens: `draftModel(…)`, `promptLookup()`, `medusaHeads(…)`, or one of your own. */
  readonly draft: DraftSource;
  /** Tokens of the longest draft, of a tree its nodes. @defaultValue 8 */
  readonly longest?: number | undefined;
  /** Drafts are as long as is worth while, by how many tokens stayed so far. False: as long as may be. @defaultValue true */
  readonly adaptive?: boolean | undefined;
  /**
   * Decides what stays. With {@link approximateTypicalAcceptance} texts have another distribution.
   * @defaultValue `acceptDraft`, which is exact
   */
  readonly accept?: ((call: AcceptanceCall) => Acceptance) | undefined;
}

/**
 * Decodes by drafts: a source proposes tokens, the model reads them in one pass, those that it would have chosen, too, stay, and
 * all else is rolled back. Texts are distributed as those of plain decoding, greedy ones are the same, up to rounding.
 *
 * {@includeCode ../examples/speculate.ts#speculate}
 * @throws {@link UnsupportedOptionError} for a length that is no whole number from 1
 */
export function speculative({
  draft,
  longest = 8,
  adaptive = true,
  accept = acceptDraft,
}: SpeculativeOptions): TokenDecoder {
  if (!Number.isSafeInteger(longest) || longest < 1)
    throw new UnsupportedOptionError(`speculative: longest is ${longest}, expected a whole number of tokens from 1.`, {
      facts: { longest },
    });
  return {
    name: `speculative (${draft.name})`,
    room: longest + 1,
    async open({ model, session, request, signal }) {
      if (longest + 1 > session.longestDraft)
        throw new UnsupportedOptionError(
          `speculative: a draft of ${longest} tokens and the one before it do not fit the ${session.longestDraft} entries that may be taken back. Set longest to ${session.longestDraft - 1} or less.`,
          { facts: { longest, room: session.longestDraft } },
        );
      const { prompt, limit, ends, sampling, logprobs } = request;
      const rows = [{ prompt, generated: [] as number[], endIds: [...ends], row: 0, sampling, limit, logprobs }];
      // A device that works beside the host decides about chains itself, so that a round is one submit and reads ids alone.
      const there =
        !model.device.onHost &&
        !draft.trees &&
        (!draft.hidden || draft.hidden === 'device') &&
        accept === acceptDraft &&
        logprobs === undefined &&
        deviceSamplingOf(sampling) !== undefined;
      const capacity = prompt.length + limit + longest + 1;
      const source = await draft.open({ target: model, rows, capacity, coupled: there, signal });
      const call = { model, session, rows, draft, source, longest, adaptive, signal };
      let rounds: Rounds | DeviceRounds | undefined;
      const free = (): void => {
        if (rounds instanceof DeviceRounds) rounds.dispose();
        source[Symbol.dispose]?.();
      };
      try {
        rounds = there ? await roundsOnDevice(call) : await roundsOnHost({ ...call, accept });
        await session.read([prompt.slice(0, -1)], { signal, pause });
      } catch (error) {
        free();
        throw error;
      }
      const making = rounds;
      let made: readonly NextToken[] = [];
      let next = 0;
      return {
        async next() {
          if (next === made.length) {
            // What a round beside the host gives is waited for anyway.
            if (model.device.onHost) await pause();
            signal?.throwIfAborted();
            [made, next] = [(await making.round())[0]!, 0];
          }
          return made[next++]!;
        },
        get drafts() {
          return making.drafts;
        },
        [Symbol.dispose]: free,
      };
    },
  };
}

interface OpenRoundsCall {
  readonly model: Model;
  readonly session: Session;
  readonly rows: RoundsCall['rows'];
  readonly draft: DraftSource;
  readonly source: OpenDraftSource;
  readonly longest: number;
  readonly adaptive: boolean;
  readonly signal: AbortSignal | undefined;
}

async function roundsOnHost({
  model,
  draft,
  longest,
  adaptive,
  ...call
}: OpenRoundsCall & Pick<RoundsCall, 'accept'>): Promise<Rounds> {
  const nodes = Math.min(longest, draft.nodes ?? longest);
  const hidden = draft.hidden !== undefined && draft.hidden !== false;
  await call.session.prepareDraft(nodes + 1, draft.trees, hidden);
  const deepest = Math.min(longest, draft.depth ?? longest);
  // Where drafts are trees, each token of depth takes several nodes.
  const width = Math.min(longest, draft.nodes ?? deepest) / deepest;
  return new Rounds({
    ...call,
    target: model,
    sourceName: draft.name,
    longest: deepest,
    nodes: longest,
    hidden,
    cost: adaptive ? draftCost({ target: model, draft, width }) : undefined,
  });
}

async function roundsOnDevice(call: OpenRoundsCall): Promise<DeviceRounds> {
  const { model, session, rows, draft, source, longest, adaptive, signal } = call;
  const deepest = Math.min(longest, draft.depth ?? longest);
  const depths = adaptive ? deviceLengths(deepest) : [deepest];
  const chains = session.chainRounds(
    rows.map((row) => ({ history: row, options: row.sampling, limit: row.limit })),
    { depths, draft: source.chain, guess: source.guess },
  );
  try {
    await chains.prepare();
  } catch (error) {
    chains.dispose();
    throw error;
  }
  return new DeviceRounds({
    chains,
    rows,
    source,
    sourceName: draft.name,
    vocabSize: model.spec.vocabSize,
    lengths: depths,
    cost: adaptive
      ? draftCost({ target: model, draft, onDevice: { proposes: (source.chain ?? source.guess) !== undefined } })
      : undefined,
    signal,
  });
}
