import type { DeviceFacts, Speed } from '../protocol.ts';

/** What mixes the positions of a text. `hybrid`: every fourth layer attends, and the last one. */
export type Mixing = 'attention' | 'gated-delta-net' | 'hybrid';

/** What is trained, and how. */
export interface Recipe {
  readonly mixing: Mixing;
  /** Width of the residual stream. */
  readonly width: number;
  readonly layers: number;
  /** Ids of the tokenizer: bytes and the end of a text, or more, for which pieces of words are learned. */
  readonly vocabulary: number;
  /** Tokens that predict in each row of a batch; also what the model can look back on. */
  readonly context: number;
  /** Rows of a batch. */
  readonly batch: number;
  readonly steps: number;
  readonly optimizer: 'adamw' | 'muon' | 'sgd';
  readonly learningRate: number;
  readonly seed: number;
}

/** What is learned from. */
export type Texts =
  | { readonly type: 'stories' }
  | { readonly type: 'written'; readonly text: string }
  | { readonly type: 'files'; readonly files: readonly File[] };

/** What the page asks of the worker that trains. */
export type TrainRequest =
  /** Opens the device. Once, before all others. */
  | { readonly type: 'open'; readonly wish: string }
  /** How large the model of a recipe is. */
  | { readonly type: 'measure'; readonly recipe: Recipe }
  /** Makes a tokenizer and a model, and trains it. What was there before is freed. */
  | { readonly type: 'train'; readonly recipe: Recipe; readonly texts: Texts }
  /** Ends preparing or training within one step; `continue` goes on where that was. */
  | { readonly type: 'pause' }
  | { readonly type: 'continue' }
  /** Ends it for good: what was learned until then can be written with and downloaded. */
  | { readonly type: 'stop' }
  /** Writes with the model as it is: at once, or while it trains after the next step. */
  | { readonly type: 'write'; readonly prompt: string; readonly temperature: number; readonly seed: number }
  | { readonly type: 'stop-writing' }
  /** Packs the model into one file. */
  | { readonly type: 'download' }
  /** Loads a model that was downloaded: the packed file, or the files in it. */
  | { readonly type: 'load'; readonly files: readonly File[] }
  /** Frees the model. */
  | { readonly type: 'discard' };

/** What a model is. */
export interface ModelFacts {
  readonly parameters: number;
  /** Positions of prompt and new tokens together. */
  readonly contextLength: number;
}

/** What the worker that trains tells the page. */
export type TrainReport =
  | { readonly type: 'ready'; readonly device: DeviceFacts }
  | { readonly type: 'measured'; readonly parameters: number }
  /** `ratio` is 0 to 1, undefined where nobody knows. */
  | { readonly type: 'preparing'; readonly doing: string; readonly ratio: number | undefined }
  | {
      readonly type: 'began';
      readonly model: ModelFacts;
      /** Of the texts; undefined where they have no end. */
      readonly tokens: number | undefined;
      /** Why there is no loss of validation. */
      readonly notice: string | undefined;
    }
  | {
      readonly type: 'steps';
      /** The last one. */
      readonly step: number;
      /** Of the steps since the report before. */
      readonly losses: readonly number[];
      /** Undefined until a step took no time of compiling. */
      readonly tokensPerSecond: number | undefined;
    }
  | { readonly type: 'evaluated'; readonly step: number; readonly loss: number }
  | { readonly type: 'paused' }
  /** `problem`: what ended it before its time. */
  | { readonly type: 'ended'; readonly because: 'steps' | 'stop' | 'problem'; readonly sentence?: string }
  /** A text begins. `step`: of the weights; undefined after the end. */
  | { readonly type: 'writing'; readonly step: number | undefined; readonly prompt: string }
  | { readonly type: 'text'; readonly text: string; readonly speed: Speed }
  | { readonly type: 'written' }
  | { readonly type: 'packed'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: 'loaded'; readonly name: string; readonly model: ModelFacts }
  /** What was asked for failed. Preparing: nothing is there. Else the model is as it was. */
  | { readonly type: 'failed'; readonly sentence: string }
  /** Ended by the person before there was a model. */
  | { readonly type: 'cancelled' }
  /** The device is lost, and everything on it. */
  | { readonly type: 'gone'; readonly sentence: string };

/** Tells the page. */
export type Tell = (report: TrainReport) => void;
