import type { Model } from '@tessera/assembler';
import type { FileSource, ModuleLayout } from '@tessera/checkpoints';
import {
  directorySource,
  layoutOf,
  moduleLayoutOf,
  readJsonIfPresent,
  readPublishedConfig,
} from '@tessera/checkpoints';
import type { CachePolicy, PublishedConfig } from '@tessera/plugin';
import { CpuDevice, ShapeError, UnsupportedOptionError, showShape } from '@tessera/tensor-core';
import { webgpuOf } from '../devices/device-of.ts';
import { loadModel } from '../load-model.ts';
import type { ModelOptions } from '../options/model-options.ts';
import { codeOf, kindOf, messageOf } from '../report-error.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { compareGradients, notInReference } from './compare-gradients.ts';
import { difference, within } from './difference.ts';
import { divergingLayer } from './diverging-layer.ts';
import type { Golden } from './golden.ts';
import { readGolden, readModulePairs } from './golden.ts';
import { compareGreedy } from './greedy.ts';
import { modelGradients } from './model-gradients.ts';
import type { ReferenceGradients } from './reference-gradients.ts';
import { readReferenceGradients } from './reference-gradients.ts';
import { halfTolerance, referenceTolerance } from './tolerances.ts';
import type { Verdict } from './verdict.ts';
import { compareModule } from './verify-module.ts';
import { verifyStream } from './verify-stream.ts';
import { readStreamGolden } from './stream-golden.ts';
import { openVerdict } from './verdict.ts';

/** How a conformance directory is verified. */
export interface VerifyOptions extends Omit<ModelOptions, 'contextLength'> {
  /** Compares loss and gradients too. */
  readonly grads?: boolean;
}

/** What our logits are compared with. */
interface Reference {
  readonly logits: Float32Array;
  /** Largest |Δ| as a part of the largest |logit|. */
  readonly tolerance: number;
  /** False when it is our own fp32, against which greedy decoding proves nothing. */
  readonly published: boolean;
}

/** Verifies one directory. What is wrong with it becomes part of the verdict; only an abort rejects. */
export async function verifyCase(directory: string, options: VerifyOptions, terminal: Terminal): Promise<Verdict> {
  const { signal } = terminal;
  const { dtype = 'fp32' } = options;
  let verdict = openVerdict(directory, dtype);
  let model: Model | undefined;
  try {
    const source = await directorySource(directory);
    verdict = { ...verdict, family: await familyOf(source, signal) };
    const config = await readPublishedConfig(source, { signal });
    const layout = moduleLayoutOf(config);
    if (layout) return { ...verdict, ...(await verifyModule({ source, config, layout }, options, terminal)) };
    const stream = await readStreamGolden(source, signal);
    if (stream) {
      refuseForStreams({ ...options, dtype });
      const loading = { ...options, dtype, precompile: false as const };
      const open = (cachePolicy: CachePolicy): Promise<Model> =>
        loadModel(directory, { ...loading, cachePolicy }, terminal, directory);
      return { ...verdict, ...(await verifyStream(stream, open, terminal)) };
    }
    const golden = await readGolden(source, signal);
    const context = contextsOf(golden);
    const gradients = options.grads ? await readReferenceGradients(source, signal) : undefined;
    const reference = await referenceOf(golden, directory, { ...options, dtype }, terminal);
    const same = sameLayers(config, context);
    model = await load(directory, { ...options, dtype }, same ? longestOf(context) : context.logits, terminal);
    verdict = { ...verdict, device: model.device.kind, adapter: model.device.name };
    verdict = { ...verdict, ...(await compareLogits(model, golden, reference)) };
    if (gradients) verdict = await withGradients(model, golden, gradients, verdict, terminal);
    if (golden.greedy && !same) {
      await model.dispose();
      model = await load(directory, { ...options, dtype }, context.texts, terminal);
    }
    verdict = await compareTexts(model, golden, reference, verdict, terminal);
  } catch (error) {
    signal.throwIfAborted();
    verdict = { ...verdict, pass: false, error: messageOf(error), code: codeOf(error), kind: kindOf(error) };
  } finally {
    await model?.dispose();
  }
  return verdict;
}

/** A single layer, whose outputs are compared. */
async function verifyModule(
  { source, config, layout }: { source: FileSource; config: PublishedConfig; layout: ModuleLayout },
  options: VerifyOptions,
  terminal: Terminal,
): Promise<Partial<Verdict>> {
  const given = options.device ?? 'auto';
  if (options.grads)
    throw new UnsupportedOptionError(
      '--grads compares gradients of a loss, and a single layer has none. Leave it out.',
    );
  const opened = await webgpuOf({ ...options, device: given }, terminal);
  const device = opened ?? (typeof given === 'string' ? new CpuDevice() : given);
  try {
    const pairs = await readModulePairs(source, terminal.signal);
    const compared = await compareModule({ source, config, layout, pairs, device }, terminal.signal);
    const pass = within(compared, referenceTolerance);
    return { device: device.kind, adapter: device.name, ...compared, pass };
  } finally {
    opened?.dispose();
  }
}

/** What cannot be told of a stream. */
function refuseForStreams({ grads, dtype }: VerifyOptions & { readonly dtype: string }): void {
  if (grads)
    throw new UnsupportedOptionError('--grads compares gradients of a loss, and a stream has none. Leave it out.');
  if (halfTolerance(dtype) !== undefined)
    throw new UnsupportedOptionError(
      `--dtype ${dtype} rounds the weights, and streams are compared in fp32. Leave it out.`,
    );
}

async function familyOf(source: FileSource, signal: AbortSignal): Promise<string | null> {
  for (const [file, field] of [
    ['meta.json', 'family'],
    ['config.json', 'model_type'],
    ['meta.json', 'item'],
  ] as const) {
    const json = (await readJsonIfPresent(source, file, { signal })) as Readonly<Record<string, unknown>> | undefined;
    const family = json?.[field];
    if (typeof family === 'string') return family;
  }
  return null;
}

/** Positions that rotary frequencies were for in the reference. */
interface Contexts {
  readonly logits: number;
  readonly texts: number;
}

/** Where nothing says so, the reference chose frequencies by what it was given: all of `input_ids`, and all of a text. */
function contextsOf({ contextLength, inputIds, greedy = [] }: Golden): Contexts {
  const logits = contextLength ?? Math.max(...inputIds.map((ids) => ids.length));
  return { logits, texts: contextLength ?? Math.max(1, ...greedy.map(({ ids }) => ids.length)) };
}

function longestOf({ logits, texts }: Contexts): number {
  return Math.max(logits, texts);
}

/** Whether a model computes the same in both contexts. */
function sameLayers(config: PublishedConfig, { logits, texts }: Contexts): boolean {
  if (logits === texts) return true;
  const layout = layoutOf(config);
  const [one, other] = [logits, texts].map((contextLength) => layout.toSpec(config, { contextLength }).spec.layers);
  return JSON.stringify(one) === JSON.stringify(other);
}

function load(directory: string, options: ModelOptions, contextLength: number, terminal: Terminal): Promise<Model> {
  return loadModel(directory, { ...options, precompile: false, contextLength }, terminal, directory);
}

/** The published logits, or for 16-bit weights those of our own fp32. */
async function referenceOf(
  golden: Golden,
  directory: string,
  options: ModelOptions & { readonly dtype: string },
  terminal: Terminal,
): Promise<Reference> {
  const tolerance = halfTolerance(options.dtype);
  if (tolerance === undefined) return { logits: golden.logits.values, tolerance: referenceTolerance, published: true };
  const exact = await load(directory, { ...options, dtype: 'fp32' }, contextsOf(golden).logits, terminal);
  try {
    return { logits: (await exact.forward(golden.inputIds)).logits, tolerance, published: false };
  } finally {
    await exact.dispose();
  }
}

type LogitsPart = Pick<Verdict, 'maxAbsDiff' | 'maxAbsReference' | 'relative' | 'pass' | 'firstDivergingLayer'>;

async function compareLogits(model: Model, golden: Golden, { logits, tolerance }: Reference): Promise<LogitsPart> {
  const ours = await model.forward(golden.inputIds);
  const expected = golden.logits.shape;
  if (expected.some((size, axis) => size !== ours.shape[axis]))
    throw new ShapeError(
      `logits have shape ${showShape(ours.shape)}, and those of the reference ${showShape(expected)}.`,
    );
  const compared = difference(ours.logits, logits);
  const pass = within(compared, tolerance);
  if (pass) return { ...compared, pass };
  const [B, T] = ours.shape;
  const layers = [...golden.hidden.keys()].filter((layer) => layer <= model.spec.layers.length);
  const { taps } = await model.forward(golden.inputIds, { taps: layers });
  return { ...compared, pass, firstDivergingLayer: divergingLayer(taps, [B, T], golden.hidden, tolerance) ?? null };
}

/** Adds to the verdict how loss and gradients compare. */
async function withGradients(
  model: Model,
  { inputIds }: Golden,
  reference: ReferenceGradients,
  verdict: Verdict,
  { stderr }: Terminal,
): Promise<Verdict> {
  const ours = await modelGradients(model, inputIds);
  const gradients = compareGradients(ours, reference);
  for (const name of notInReference(ours, reference))
    stderr.write(`${verdict.directory}: the reference says nothing about the gradient of ${name}.\n`);
  return { ...verdict, gradients, pass: verdict.pass && gradients.pass };
}

/** Adds to the verdict whether greedy decoding gives the texts of the reference. */
async function compareTexts(
  model: Model,
  { greedy }: Golden,
  { tolerance, published }: Reference,
  verdict: Verdict,
  { signal, stderr }: Terminal,
): Promise<Verdict> {
  if (!greedy) return verdict;
  let greedyEqual = true;
  for (const text of greedy) {
    const { equal, remarks } = await compareGreedy(model, text, tolerance * (verdict.maxAbsReference ?? 0), signal);
    greedyEqual &&= equal;
    for (const remark of remarks) stderr.write(`${verdict.directory}: greedy, ${remark}\n`);
  }
  return { ...verdict, greedyEqual, pass: verdict.pass && (greedyEqual || !published) };
}
