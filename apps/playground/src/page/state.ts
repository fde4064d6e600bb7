import type { DraftCounts } from '@tessera/assembler';
import type { DeviceFacts, ModelFacts, Report, Retrieval, Speed } from '../protocol.ts';
import { appended, noText, plainText } from './streamed-text.ts';
import type { StreamedText } from './streamed-text.ts';

/** What the page shows. */
export interface PageState {
  /**
   * `gone`: there is no model, and `problem` says why. `stopping`: a stop was asked for and has not come yet. `reading`: what the heads
   * read is being computed.
   */
  readonly phase: 'loading' | 'idle' | 'generating' | 'stopping' | 'reading' | 'gone';
  /** What is going on, or how it ended. */
  readonly doing: string;
  /** How far loading is, 0 to 1; undefined before that is known. */
  readonly ratio: number | undefined;
  readonly device: DeviceFacts | undefined;
  readonly model: ModelFacts | undefined;
  readonly prompt: string;
  readonly continuation: StreamedText;
  readonly speed: Speed | undefined;
  /** Bytes that the device held for the text at its last token. */
  readonly stateBytes: number | undefined;
  /** What became of drafts, where there were some. */
  readonly drafts: DraftCounts | undefined;
  /** What was proposed last and rejected, the newest first. */
  readonly rejected: readonly string[];
  /** What chose the tokens, so that the text can be had again; undefined where chance has no part. */
  readonly seed: number | undefined;
  /** What the heads read in the text, while that is shown. */
  readonly retrieval: Retrieval | undefined;
  readonly problem: string | undefined;
}

/** What changes it: a report of the worker, or something that the person did. */
export type PageEvent =
  | Report
  /** Another model, or the one that was lost. */
  | { readonly type: 'loading' }
  | { readonly type: 'asked'; readonly prompt: string; readonly seed: number | undefined }
  | { readonly type: 'stopping' }
  | { readonly type: 'reading' }
  /** The text is to be seen again. */
  | { readonly type: 'back' };

/** Rejected drafts that are kept to be shown. */
const mostRejected = 8;

/** The page before anything happened. */
export const initialState: PageState = {
  phase: 'loading',
  doing: 'Starting',
  ratio: undefined,
  device: undefined,
  model: undefined,
  prompt: '',
  continuation: noText,
  speed: undefined,
  stateBytes: undefined,
  drafts: undefined,
  rejected: [],
  seed: undefined,
  retrieval: undefined,
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
      return { ...state, phase: 'idle', doing: 'Ready', ratio: undefined, device: event.device, model: event.model };
    case 'asked':
      return {
        ...state,
        phase: 'generating',
        doing: 'Reading the beginning',
        prompt: event.prompt,
        continuation: noText,
        speed: undefined,
        stateBytes: undefined,
        drafts: undefined,
        rejected: [],
        seed: event.seed,
        retrieval: undefined,
        problem: undefined,
      };
    case 'stopping':
      return state.phase === 'generating' ? { ...state, phase: 'stopping', doing: 'Stopping' } : state;
    case 'text':
      return {
        ...state,
        doing: state.phase === 'generating' ? 'Writing' : state.doing,
        continuation: appended(state.continuation, event.text, event.kind),
        speed: event.speed,
        stateBytes: event.stateBytes,
        drafts: event.drafts,
        rejected: event.rejected === '' ? state.rejected : [event.rejected, ...state.rejected].slice(0, mostRejected),
      };
    case 'done':
      return { ...state, phase: 'idle', doing: endings[event.because] };
    case 'reading':
      return { ...state, phase: 'reading', doing: 'Looking at what the heads read', problem: undefined };
    case 'retrieved':
      return { ...state, phase: 'idle', doing: 'Choose a token', retrieval: event.retrieval };
    case 'back':
      return { ...state, retrieval: undefined };
    case 'failed':
      return { ...state, phase: 'idle', doing: 'Failed', problem: event.sentence };
    case 'gone':
      return { ...state, phase: 'gone', doing: 'No model', ratio: undefined, problem: event.sentence };
  }
}

/** The text that stands, with its beginning. */
export function wholeText({ prompt, continuation }: PageState): string {
  return (continuation.letGo > 0 ? '' : prompt) + plainText(continuation);
}
