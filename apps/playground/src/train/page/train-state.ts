import type { DeviceFacts, Speed } from '../../protocol.ts';
import type { ModelFacts, Recipe, Texts, TrainReport } from '../protocol.ts';

/** A text that the model wrote, or writes. */
export interface Sample {
  /** Counted from 1. */
  readonly number: number;
  /** Of the weights; undefined after the end. */
  readonly step: number | undefined;
  readonly prompt: string;
  readonly text: string;
  readonly speed: Speed | undefined;
}

/** What the view shows. */
export interface TrainState {
  /**
   * `setup`: nothing is trained. `preparing`: texts, tokenizer and weights are made. `done`: there is a model that is not trained
   * on. `gone`: the device is lost, and `problem` says why.
   */
  readonly phase: 'opening' | 'setup' | 'preparing' | 'training' | 'paused' | 'done' | 'gone';
  /** Whether an end of preparing, training or writing was asked for and has not come yet. */
  readonly halting: boolean;
  readonly device: DeviceFacts | undefined;
  /** Learned numbers that the form asks for. */
  readonly measured: number | undefined;
  /** What is going on, or how it ended. */
  readonly doing: string;
  /** How far preparing is, 0 to 1; undefined where nobody knows. */
  readonly ratio: number | undefined;
  /** Of the training that is shown; undefined for a model that was loaded. */
  readonly recipe: Recipe | undefined;
  readonly texts: Texts['type'] | undefined;
  readonly model: ModelFacts | undefined;
  /** Of the file from which the model was loaded. */
  readonly name: string | undefined;
  /** Of the texts; undefined where they have no end. */
  readonly tokens: number | undefined;
  readonly notice: string | undefined;
  readonly step: number;
  /** Of each step. */
  readonly losses: readonly number[];
  readonly evaluations: readonly { readonly step: number; readonly loss: number }[];
  readonly tokensPerSecond: number | undefined;
  /** The oldest first. */
  readonly samples: readonly Sample[];
  readonly writing: boolean;
  /** A text was asked for and has not begun. */
  readonly wanted: boolean;
  /** The model is being packed. */
  readonly packing: boolean;
  /** Whether there is something that only this page has. */
  readonly unsaved: boolean;
  readonly problem: string | undefined;
}

/** What changes it: a report of the worker, or something that the person did. */
export type TrainEvent =
  | TrainReport
  | { readonly type: 'opening' }
  | { readonly type: 'started'; readonly recipe: Recipe; readonly texts: Texts['type'] }
  | { readonly type: 'halting' }
  | { readonly type: 'continued' }
  | { readonly type: 'asked' }
  | { readonly type: 'packing' }
  | { readonly type: 'opening-files' }
  | { readonly type: 'discarded' };

/** The view before anything happened. */
export const initialTrainState: TrainState = {
  phase: 'opening',
  halting: false,
  device: undefined,
  measured: undefined,
  doing: 'Looking for a GPU',
  ratio: undefined,
  recipe: undefined,
  texts: undefined,
  model: undefined,
  name: undefined,
  tokens: undefined,
  notice: undefined,
  step: 0,
  losses: [],
  evaluations: [],
  tokensPerSecond: undefined,
  samples: [],
  writing: false,
  wanted: false,
  packing: false,
  unsaved: false,
  problem: undefined,
};

/** Texts that are kept; older ones make room. */
const mostSamples = 50;

/** The state after an event. */
export function nextTrainState(state: TrainState, event: TrainEvent): TrainState {
  switch (event.type) {
    case 'opening':
      return { ...initialTrainState, measured: state.measured };
    case 'ready':
      return setUp({ ...state, device: event.device });
    case 'measured':
      return { ...state, measured: event.parameters };
    case 'started':
      return {
        ...setUp(state),
        phase: 'preparing',
        doing: 'Preparing',
        recipe: event.recipe,
        texts: event.texts,
      };
    case 'preparing':
      return state.phase === 'preparing' ? { ...state, doing: event.doing, ratio: event.ratio } : state;
    case 'began': {
      const { model, tokens, notice } = event;
      return { ...state, phase: 'training', doing: 'Compiling a step', ratio: undefined, model, tokens, notice };
    }
    case 'steps': {
      const { step, losses, tokensPerSecond } = event;
      return {
        ...state,
        doing: state.halting ? state.doing : 'Training',
        step,
        losses: [...state.losses, ...losses],
        tokensPerSecond: tokensPerSecond ?? state.tokensPerSecond,
        unsaved: true,
      };
    }
    case 'evaluated':
      return { ...state, evaluations: [...state.evaluations, { step: event.step, loss: event.loss }] };
    case 'halting':
      return state.phase === 'preparing' || state.phase === 'training' || state.phase === 'paused'
        ? { ...state, halting: true, doing: 'Ending the step' }
        : state;
    case 'paused':
      return { ...state, phase: 'paused', halting: false, doing: 'Paused' };
    case 'continued':
      return { ...state, phase: 'training', doing: 'Training', problem: undefined };
    case 'ended':
      return { ...state, phase: 'done', halting: false, doing: endings[event.because], problem: event.sentence };
    case 'cancelled':
    case 'discarded':
      return setUp(state);
    case 'asked':
      return { ...state, wanted: true, problem: undefined };
    case 'writing':
      return {
        ...state,
        writing: true,
        wanted: false,
        samples: [
          ...state.samples.slice(1 - mostSamples),
          {
            number: (state.samples.at(-1)?.number ?? 0) + 1,
            step: event.step,
            prompt: event.prompt,
            text: '',
            speed: undefined,
          },
        ],
      };
    case 'text':
      return { ...state, samples: withText(state.samples, event.text, event.speed) };
    case 'written':
      return { ...state, writing: false };
    case 'packing':
      return { ...state, packing: true, problem: undefined };
    case 'packed':
      return { ...state, packing: false, unsaved: false };
    case 'opening-files':
      return { ...state, doing: 'Opening the files', problem: undefined };
    case 'loaded':
      return { ...setUp(state), phase: 'done', doing: 'Loaded', name: event.name, model: event.model };
    case 'failed': {
      const training = state.phase === 'preparing' || state.phase === 'training';
      const left = training ? setUp(state) : state;
      return {
        ...left,
        wanted: false,
        writing: false,
        packing: false,
        halting: false,
        doing: 'Failed',
        problem: event.sentence,
      };
    }
    case 'gone':
      return {
        ...state,
        phase: 'gone',
        halting: false,
        writing: false,
        wanted: false,
        packing: false,
        unsaved: false,
        doing: 'No device',
        problem: event.sentence,
      };
  }
}

const endings = {
  steps: 'All steps are done',
  stop: 'Stopped',
  problem: 'Ended before its time',
} as const;

/** Nothing is trained; device and form stay. */
function setUp({ device, measured }: TrainState): TrainState {
  return { ...initialTrainState, phase: 'setup', doing: 'Ready', device, measured };
}

function withText(samples: readonly Sample[], text: string, speed: Speed): readonly Sample[] {
  const last = samples.at(-1);
  return last ? [...samples.slice(0, -1), { ...last, text: last.text + text, speed }] : samples;
}
