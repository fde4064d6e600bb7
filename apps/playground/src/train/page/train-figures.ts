import type { Mixing } from '../protocol.ts';
import { runningMean } from './curve-data.ts';
import type { TrainState } from './train-state.ts';

/** Names of what mixes positions. */
const mixingNames: Readonly<Record<Mixing, string>> = {
  attention: 'Softmax attention',
  'gated-delta-net': 'Gated DeltaNet',
  hybrid: 'Hybrid',
};

const optimizerNames = { adamw: 'AdamW', muon: 'Muon', sgd: 'SGD' } as const;
const textNames = { stories: 'stories', written: 'your text', files: 'your files' } as const;

/** A number in two or three digits: 842, 13.4 k, 1.2 M. */
export function showCount(count: number): string {
  if (count < 1000) return String(Math.round(count));
  const [value, unit] = count < 999_500 ? [count / 1e3, 'k'] : [count / 1e6, 'M'];
  return `${value.toFixed(value < 100 ? 1 : 0)} ${unit}`;
}

/** A span of time that is left, roughly. */
export function showSpan(seconds: number): string {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** What is trained, in a line. */
export function summary({ recipe, model, texts, tokens, name }: TrainState): string {
  const parameters = model ? `${showCount(model.parameters)} parameters` : '';
  if (!recipe) return [name ?? '', parameters].filter(Boolean).join(' · ');
  const { mixing, layers, width, optimizer, batch, context } = recipe;
  return [
    `${mixingNames[mixing]}, ${layers} ${layers === 1 ? 'layer' : 'layers'} of width ${width}`,
    parameters,
    `${textNames[texts ?? 'stories']}${tokens === undefined ? '' : `, ${showCount(tokens)} tokens`}`,
    `${batch} × ${context} tokens a step`,
    optimizerNames[optimizer],
  ]
    .filter(Boolean)
    .join(' · ');
}

/** The figures of a training, each with its label. */
export function figures(state: TrainState): readonly (readonly [label: string, value: string])[] {
  const { recipe, step, losses, evaluations, tokensPerSecond, phase } = state;
  if (!recipe) return [];
  const loss = runningMean(losses).at(-1);
  const left =
    tokensPerSecond === undefined || phase !== 'training'
      ? undefined
      : ((recipe.steps - step) * recipe.batch * recipe.context) / tokensPerSecond;
  return [
    ['Step', `${step.toLocaleString('en-US')} of ${recipe.steps.toLocaleString('en-US')}`],
    ['Training loss', loss?.toFixed(3) ?? '–'],
    ['Validation loss', evaluations.at(-1)?.loss.toFixed(3) ?? '–'],
    ['Tokens a second', tokensPerSecond === undefined ? '–' : showCount(tokensPerSecond)],
    ['Time left', left === undefined ? '–' : showSpan(left)],
  ];
}

/** The curve in words, for those who do not see it. */
export function curveInWords({ losses, evaluations }: TrainState): string {
  const means = runningMean(losses);
  if (means.length === 0) return 'The curve of the loss, which is still empty';
  const last = evaluations.at(-1);
  return `The curve of the loss: from ${losses[0]!.toFixed(2)} at the first step to ${means.at(-1)!.toFixed(2)} at step ${losses.length}${last ? `; of validation ${last.loss.toFixed(2)} at step ${last.step}` : ''}`;
}
