import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Model } from '@tessera/assembler';
import { createAssembler } from '@tessera/assembler';
import type { DraftSource, MedusaHeads } from '@tessera/decoding-speculative';
import { draftModel, loadMedusaHeads, medusaHeads, promptLookup } from '@tessera/decoding-speculative';
import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import { plugins } from '../../experiments/mixers.ts';
import type { LlamaSizes } from '../model/shape.ts';
import { graphOf } from '../model/shape.ts';
import { modelOf } from '../model/public-api.ts';
import { someIds } from '../model/steps.ts';
import { uploadWeights } from '../model/weights.ts';
import type { Scale } from '../scale.ts';
import type { DraftPlan } from './draft-plan.ts';
import { constructedPlans, storyPlans } from './draft-plan.ts';
import type { SpeculationShape } from './speculation-shape.ts';
import { speculationShapes } from './speculation-shape.ts';

/** Where checkpoints lie. */
export interface Directories {
  /** Targets, and what is streamed. */
  readonly models: readonly string[];
  /** A draft model with the tokenizer of the targets. */
  readonly draft: string | undefined;
  /** Heads of the first of the targets. */
  readonly heads: string | undefined;
}

/** A target with what drafts for it, on a device. */
export interface OpenSubject {
  readonly target: Model;
  readonly prompt: readonly number[];
  readonly tokens: number;
  sourceOf(plan: DraftPlan): DraftSource;
  dispose(): Promise<void>;
}

/** What speculates, and how. */
export interface Subject {
  readonly name: string;
  readonly plans: readonly DraftPlan[];
  open(device: WebGpuDevice): Promise<OpenSubject>;
}

const assembler = createAssembler({ plugins });
const beginning = 'Once upon a time, there was a little girl who';
const storyTokens = (scale: Scale): number => (scale === 'dry' ? 24 : 256);

/** Targets of random weights, then trained ones. */
export function speculationSubjects(scale: Scale, { models, draft, heads }: Directories): readonly Subject[] {
  return [
    ...speculationShapes(scale).map((shape) => randomSubject(shape, scale)),
    ...models.map((directory, index) =>
      storySubject({ directory, draft, heads: index === 0 ? heads : undefined }, scale),
    ),
  ];
}

function randomSubject({ name, target, draft, prompt, tokens }: SpeculationShape, scale: Scale): Subject {
  return {
    name,
    plans: constructedPlans(scale),
    open: async (device) => {
      const [large, small] = [randomModel(target, device), randomModel(draft, device)];
      return {
        target: large,
        prompt: [...someIds(prompt, target.vocabSize)],
        tokens,
        sourceOf: sourcesOf(small),
        dispose: async () => void (await Promise.all([large.dispose(), small.dispose()])),
      };
    },
  };
}

interface StoryFolders {
  readonly directory: string;
  readonly draft: string | undefined;
  readonly heads: string | undefined;
}

function storySubject({ directory, draft, heads: headsFrom }: StoryFolders, scale: Scale): Subject {
  return {
    name: `${basename(directory)}, ${draft === undefined ? 'an untrained draft' : `draft ${basename(draft)}`}`,
    plans: storyPlans(scale, { model: draft !== undefined, heads: headsFrom !== undefined }),
    async open(device) {
      const load = (from: string): Promise<Model> => assembler.load(from, { device, precompile: false });
      const target = await load(directory);
      const { vocabSize, maxPositions } = target.spec;
      const small =
        draft === undefined ? randomModel({ ...untrainedDraft, vocabSize, maxPositions }, device) : await load(draft);
      const heads = headsFrom === undefined ? undefined : await loadMedusaHeads(target, headsFrom);
      return {
        target,
        prompt: target.text!.tokenizer.encode(beginning),
        tokens: storyTokens(scale),
        sourceOf: sourcesOf(small, heads),
        async dispose() {
          heads?.dispose();
          await Promise.all([target.dispose(), small.dispose()]);
        },
      };
    },
  };
}

/** Without one that was trained: of the same size as `specs/story-draft.json`. */
const untrainedDraft: Omit<LlamaSizes, 'vocabSize' | 'maxPositions'> = {
  layers: 2,
  width: 64,
  heads: 2,
  kvHeads: 1,
  headDim: 32,
  hidden: 176,
};

function sourcesOf(draft: Model, heads?: MedusaHeads): OpenSubject['sourceOf'] {
  return ({ source }) =>
    source === 'lookup' ? promptLookup() : source === 'heads' ? medusaHeads(heads!) : draftModel(draft);
}

/** A model of random weights in f16. Tokens weigh as much as what is around them, so that its texts do not stand still. */
function randomModel(sizes: LlamaSizes, device: WebGpuDevice): Model {
  const graph = graphOf(sizes);
  return modelOf({ graph, device, params: uploadWeights(graph, 'f16', device, { embedding: 1 }) }, sizes, 'f16');
}

/** The story models of the repository that are there. */
export function modelsBeside(folder: string): readonly string[] {
  return ['story-llama', 'story-gated-delta-net'].map((name) => join(folder, name)).filter((path) => existsSync(path));
}
