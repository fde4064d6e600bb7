import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import { attentionCases, decodeCases } from './cases/attention.ts';
import { deltaRuleCases } from './cases/delta-rule.ts';
import { latentCases } from './cases/latent.ts';
import { latentStepCases } from './cases/latent-steps.ts';
import { linearAttentionCases } from './cases/linear-attention.ts';
import { gemvCases } from './cases/gemv.ts';
import { mapCases } from './cases/maps.ts';
import { matmulCases } from './cases/matmul.ts';
import { normCases } from './cases/norms.ts';
import type { WeightDtype } from './cases/products.ts';
import type { HostFigures } from './host.ts';
import { benchHost, hasExactTimestamps } from './host.ts';
import type { Group, KernelCase } from './kernel-case.ts';
import { groupNames } from './kernel-case.ts';
import type { ModelReport } from './model/bench-model.ts';
import { benchModel, reportWithout } from './model/bench-model.ts';
import { shapeOf } from './model/shape.ts';
import type { LoopComparison } from './loop-comparison.ts';
import { loopComparisons } from './loop-comparison.ts';
import { lastRoofs, roofCases, roofsOf } from './roofs/roof-cases.ts';
import type { Row } from './row.ts';
import { rowWithout } from './row.ts';
import { runCase } from './run-case.ts';
import type { Scale } from './scale.ts';
import type { SpeculationContext, SpeculationReport } from './speculation/bench-speculation.ts';
import { benchSpeculation, speculationWithout } from './speculation/bench-speculation.ts';
import { nameOfPlan } from './speculation/draft-plan.ts';
import type { Directories } from './speculation/subjects.ts';
import { speculationSubjects } from './speculation/subjects.ts';
import type { StreamingContext, StreamingReport } from './streaming/bench-streaming.ts';
import { benchStreaming, streamingWithout } from './streaming/bench-streaming.ts';
import { randomStream, storyStream } from './streaming/streamed-models.ts';
import { streamingShapeOf } from './streaming/streaming-shape.ts';
import type { TrainingReport } from './training/bench-training.ts';
import { benchTraining, trainingWithout } from './training/bench-training.ts';
import { trainingShapeOf } from './training/training-shape.ts';
import { trainingVariants } from './training/training-variant.ts';
import type { Roofs } from './work.ts';

/** What can be chosen by `--only`. */
export type Section = Group | 'model' | 'training' | 'speculation' | 'streaming' | 'host';

/** Every {@link Section}. */
export const sectionNames: readonly Section[] = [
  ...groupNames,
  'model',
  'training',
  'speculation',
  'streaming',
  'host',
];

/** What is measured, and on what. */
export interface BenchOptions {
  readonly device: WebGpuDevice;
  /** Of the device. */
  readonly features: ReadonlySet<string>;
  readonly scale: Scale;
  /** Sections that are measured; the roofs always are. @defaultValue all */
  readonly only?: ReadonlySet<Section> | undefined;
  /** Weights of the models. */
  readonly dtypes: readonly WeightDtype[];
  /** Checkpoints that speculate and stream. */
  readonly directories: Directories;
  /** After so many seconds nothing new begins. */
  readonly seconds: number;
  /** When it aborts, nothing new begins either. */
  readonly signal?: AbortSignal | undefined;
  /** Texts of each row of speculation. */
  readonly texts: number;
  readonly onProgress?: (line: string) => void;
  /** Rows that are measured instead of those of their sections. @defaultValue {@link casesOf} */
  readonly cases?: (scale: Scale) => readonly KernelCase[];
}

/** What was measured. */
export interface BenchResult {
  readonly roofs: Roofs | undefined;
  readonly timestamps: boolean;
  readonly rows: readonly Row[];
  readonly loops: readonly LoopComparison[];
  readonly models: readonly ModelReport[];
  readonly trainings: readonly TrainingReport[];
  readonly speculations: readonly SpeculationReport[];
  readonly streams: readonly StreamingReport[];
  readonly host: HostFigures | undefined;
}

/** All rows but the roofs. */
export function casesOf(scale: Scale): KernelCase[] {
  return [
    ...gemvCases(scale),
    ...decodeCases(scale),
    ...matmulCases(scale),
    ...attentionCases(scale),
    ...latentCases(scale),
    ...latentStepCases(scale),
    ...linearAttentionCases(scale),
    ...deltaRuleCases(scale),
    ...normCases(scale),
    ...mapCases(scale),
  ];
}

/** In a dry run nothing is computed from these. */
const noRoofs: Roofs = { copy: 1, f32: 1 };

/** Measures: the roofs, then models, training, speculation, streams and the host, then kernels. */
export async function bench(options: BenchOptions): Promise<BenchResult> {
  const {
    device,
    features,
    scale,
    only,
    dtypes,
    directories,
    seconds,
    signal,
    texts,
    onProgress = () => {},
    cases = casesOf,
  } = options;
  const begun = performance.now();
  const passed = (): number => (performance.now() - begun) / 1000;
  const over = (): boolean => passed() > seconds || signal?.aborted === true;
  const wanted = (section: Section): boolean => !only || only.has(section);
  const timestamps = scale === 'dry' ? features.has('timestamp-query') : await hasExactTimestamps(device, features);
  const context = { device, features, scale, timestamps };
  const progress = (line: string): void => onProgress(`${passed().toFixed(0).padStart(4)} s  ${line}`);

  const rows: Row[] = [];
  // Once for nothing: a GPU that was idle is slow at first.
  if (scale !== 'dry') for (const one of lastRoofs(scale)) await runCase(one, context);
  for (const one of roofCases(scale)) rows.push(await runCase(one, context));
  const roofs = scale === 'dry' ? noRoofs : roofsOf(rows);
  progress(
    roofs && scale !== 'dry' ? `roofs: ${roofs.copy.toFixed(0)} GB/s, ${roofs.f32.toFixed(1)} TFLOP/s` : 'roofs',
  );

  const models: ModelReport[] = [];
  const shape = shapeOf(scale);
  for (const dtype of wanted('model') ? dtypes : []) {
    if (!roofs) models.push(reportWithout(shape, dtype, 'failed', 'the roofs have no figures'));
    else if (over()) models.push(reportWithout(shape, dtype, 'not reached'));
    else models.push(await benchModel({ ...context, shape, roofs }, dtype));
    progress(`model ${dtype}`);
  }
  const trainings: TrainingReport[] = [];
  const trained = trainingShapeOf(scale);
  for (const variant of wanted('training') ? trainingVariants(scale) : []) {
    if (!roofs) trainings.push(trainingWithout(trained, variant, 'failed', 'the roofs have no figures'));
    else if (over()) trainings.push(trainingWithout(trained, variant, 'not reached'));
    else trainings.push(await benchTraining({ ...context, shape: trained, roofs }, variant));
    progress(`training ${variant.name}`);
  }
  const timeLeft = { ...context, inTime: () => !over(), onProgress: progress };
  // These take minutes, and run where they are named.
  const speculations = only?.has('speculation') ? await speculationsOf({ ...timeLeft, texts }, directories) : [];
  const streams = only?.has('streaming') ? await streamsOf(timeLeft, directories) : [];
  const host = wanted('host') ? await benchHost(context, scale) : undefined;

  let group = '';
  for (const one of cases(scale).filter((each) => wanted(each.group))) {
    if (group !== '' && group !== one.group) progress(group);
    group = one.group;
    rows.push(over() ? rowWithout(one, 'not reached') : await runCase(one, { ...context, roofs }));
  }
  if (group !== '') progress(group);
  // What warmth and clocks did to the roofs meanwhile.
  for (const one of lastRoofs(scale)) rows.push(await runCase(one, context));
  return {
    roofs,
    timestamps,
    rows,
    loops: loopComparisons(rows),
    models,
    trainings,
    speculations,
    streams,
    host,
  };
}

const noCheckpoints = 'there are no checkpoints: name some by --models=DIR,…';

async function speculationsOf(context: SpeculationContext, directories: Directories): Promise<SpeculationReport[]> {
  const reports: SpeculationReport[] = [];
  if (directories.models.length === 0)
    reports.push(speculationWithout({ name: 'story models', plans: [] }, 'unavailable', noCheckpoints));
  for (const subject of speculationSubjects(context.scale, directories))
    reports.push(
      context.inTime() ? await benchSpeculation(context, subject) : speculationWithout(subject, 'not reached'),
    );
  return reports;
}

async function streamsOf(
  context: Omit<StreamingContext, 'shape'>,
  { models }: Directories,
): Promise<StreamingReport[]> {
  const shape = streamingShapeOf(context.scale);
  const reports: StreamingReport[] = [];
  if (models.length === 0) reports.push(streamingWithout('story models', shape, 'unavailable', noCheckpoints));
  for (const subject of [...models.map((directory) => storyStream(directory, shape)), randomStream(shape)])
    reports.push(
      context.inTime()
        ? await benchStreaming({ ...context, shape }, subject)
        : streamingWithout(subject.name, shape, 'not reached'),
    );
  return reports;
}

/** Everything that was wrong or could not be run. What a device lacks, and what was not reached, is told but no failure. */
export function failuresOf({ rows, models, trainings, speculations, streams }: BenchResult): string[] {
  const failed = (outcome: string): boolean => outcome === 'wrong' || outcome === 'failed';
  return [
    ...rows
      .filter(({ outcome }) => failed(outcome))
      .map(({ group, shape, dtype, outcome, reason }) => `${group} ${shape} ${dtype}: ${outcome}: ${reason ?? ''}`),
    ...models
      .filter(({ outcome }) => failed(outcome))
      .map(({ name, dtype, outcome, reason }) => `${name} ${dtype}: ${outcome}: ${reason ?? ''}`),
    ...trainings
      .filter(({ outcome }) => failed(outcome))
      .map(({ variant, outcome, reason }) => `training ${variant}: ${outcome}: ${reason ?? ''}`),
    ...[...speculations, ...streams]
      .filter(({ outcome }) => failed(outcome))
      .map(({ name, outcome, reason }) => `${name}: ${outcome}: ${reason ?? ''}`),
    ...speculations.flatMap(({ name, outcome: whole, rows: drafts }) =>
      drafts
        .filter(({ outcome }) => !failed(whole) && failed(outcome))
        .map(({ plan, outcome, reason }) => `${name}, ${nameOfPlan(plan)}: ${outcome}: ${reason ?? ''}`),
    ),
  ];
}
