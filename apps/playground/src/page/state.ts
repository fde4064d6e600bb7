import type { DeviceFacts, Report, Speed } from '../protocol.ts';

/** What the page shows. */
export interface PageState {
  /** `gone`: there is no model, and `problem` says why. `stopping`: a stop was asked for and has not come yet. */
  readonly phase: 'loading' | 'idle' | 'generating' | 'stopping' | 'gone';
  /** What is going on, or how it ended. */
  readonly doing: string;
  /** How far loading is, 0 to 1; undefined before that is known. */
  readonly ratio: number | undefined;
  readonly device: DeviceFacts | undefined;
  readonly prompt: string;
  readonly continuation: string;
  readonly speed: Speed | undefined;
  /** What chose the tokens, so that the text can be had again; undefined where chance has no part. */
  readonly seed: number | undefined;
  readonly problem: string | undefined;
}

/** What changes it: a report of the worker, or something that the person did. */
export type PageEvent =
  | Report
  | { readonly type: 'loading' }
  | { readonly type: 'asked'; readonly prompt: string; readonly seed: number | undefined }
  | { readonly type: 'stopping' };

/** The page before anything happened. */
export const initialState: PageState = {
  phase: 'loading',
  doing: 'Starting',
  ratio: undefined,
  device: undefined,
  prompt: '',
  continuation: '',
  speed: undefined,
  seed: undefined,
  problem: undefined,
};

const endings = {
  stop: 'The text is at its end',
  length: 'As many tokens as asked for',
  stopped: 'Stopped',
} as const;

/** The state after an event. */
export function nextState(state: PageState, event: PageEvent): PageState {
  switch (event.type) {
    case 'loading':
      return { ...initialState, prompt: state.prompt, continuation: state.continuation };
    case 'progress':
      return { ...state, doing: event.doing, ratio: event.ratio };
    case 'ready':
      return { ...state, phase: 'idle', doing: 'Ready', ratio: undefined, device: event.device };
    case 'asked':
      return {
        ...state,
        phase: 'generating',
        doing: 'Reading the beginning',
        prompt: event.prompt,
        continuation: '',
        speed: undefined,
        seed: event.seed,
        problem: undefined,
      };
    case 'stopping':
      return state.phase === 'generating' ? { ...state, phase: 'stopping', doing: 'Stopping' } : state;
    case 'text':
      return {
        ...state,
        doing: state.phase === 'generating' ? 'Writing' : state.doing,
        continuation: state.continuation + event.text,
        speed: event.speed,
      };
    case 'done':
      return { ...state, phase: 'idle', doing: endings[event.because] };
    case 'failed':
      return { ...state, phase: 'idle', doing: 'Failed', problem: event.sentence };
    case 'gone':
      return { ...state, phase: 'gone', doing: 'No model', ratio: undefined, problem: event.sentence };
  }
}
