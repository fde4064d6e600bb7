import type { DraftCounts, GenerateOptions } from '@tessera/assembler';

/** Where the model is to run. `auto`: on the GPU where there is one, else on the CPU. */
export type DeviceWish = 'auto' | 'webgpu' | 'cpu';

/** The settings of a generation that the page offers. */
export type Settings = Required<
  Readonly<Record<keyof Pick<GenerateOptions, 'temperature' | 'topP' | 'maxNewTokens' | 'seed'>, number>>
>;

/** What is kept of a stream without end. */
export interface SinkWish {
  /** First tokens that stay. */
  readonly sinks: number;
  /** Recent tokens that are seen; undefined: as many as the model has positions for, and not more than usual. */
  readonly window: number | undefined;
}

/** Where a model is: the address of its folder, or its files. */
export type ModelSource = string | readonly File[];

/** What proposes tokens: nothing, look-ups in the text, or a second model. */
export type Speculation = 'off' | 'lookup' | 'draft';

/** A model to load. */
export interface LoadRequest {
  readonly type: 'load';
  readonly source: ModelSource;
  readonly wish: string;
  /** Undefined: a cache that grows ends with the context. */
  readonly sinks: SinkWish | undefined;
  /** A second model, which proposes. */
  readonly draft: ModelSource | undefined;
}

/** A text to continue. */
export interface GenerateRequest {
  readonly type: 'generate';
  readonly prompt: string;
  readonly settings: Settings;
  /** True: until it is stopped. */
  readonly endless: boolean;
  readonly speculation: Speculation;
}

/** What the page asks of the worker. */
export type Request =
  /** Loads a model. One worker has one: asked again, it brings back the one that lost its device. */
  | LoadRequest
  /** Continues a text. One at a time. */
  | GenerateRequest
  /** Ends the generation within one step. */
  | { readonly type: 'stop' }
  /** Asks what each head of the model's memories reads in a text. */
  | { readonly type: 'retrieve'; readonly text: string };

/** Where the model runs. */
export interface DeviceFacts {
  readonly kind: string;
  readonly name: string;
  /** Why it is the CPU, for the person. */
  readonly notice: string | undefined;
}

/** How far texts of a model go. */
export type Reach =
  /** What it remembers is of constant size. */
  | { readonly kind: 'constant' }
  /** Sinks and a rolling window of its cache are kept. */
  | { readonly kind: 'sinks'; readonly sinks: number; readonly window: number }
  /** Up to the end of its context. `refusal`: why sinks would not help, as a sentence. */
  | { readonly kind: 'context'; readonly refusal: string | undefined };

/** What is told of a model that was loaded. */
export interface ModelFacts {
  readonly parameters: number;
  /** Its mixers, such as `5 × gated-delta-net, 1 × softmax-attention`. */
  readonly mixers: string;
  /** Positions that it was made for. */
  readonly positions: number;
  readonly reach: Reach;
  /** False: texts are token ids. */
  readonly tokenizer: boolean;
  /** Whether it has memories whose retrievals can be shown. */
  readonly memories: boolean;
  /** Of the model that proposes, where one was loaded. */
  readonly draft: { readonly parameters: number } | undefined;
}

/** How fast a generation goes. */
export interface Speed {
  /** From the request to the first token: the prompt is read, and on a GPU what is new to it compiled. */
  readonly prefillMs: number;
  readonly tokens: number;
  /** Of late, the first token aside; undefined before the second. */
  readonly tokensPerSecond: number | undefined;
}

/** Where a piece of text comes from: the model chose it itself, or accepted what was proposed. */
export type TokenKind = 'plain' | 'accepted';

/** What one head reads at each position of a text: the strongest pairs, the one with the largest weight first. */
export interface HeadRetrieval {
  readonly layer: number;
  readonly head: number;
  readonly positions: readonly (readonly { readonly position: number; readonly weight: number }[])[];
}

/** What the heads of a model read in a text. */
export interface Retrieval {
  readonly tokens: readonly string[];
  /** Tokens before these that were left out. */
  readonly skipped: number;
  readonly heads: readonly HeadRetrieval[];
}

/** What the worker tells the page. */
export type Report =
  /** `ratio` is 0 to 1. */
  | { readonly type: 'progress'; readonly doing: string; readonly ratio: number }
  | { readonly type: 'ready'; readonly device: DeviceFacts; readonly model: ModelFacts }
  | {
      readonly type: 'text';
      readonly text: string;
      readonly kind: TokenKind;
      /** What was proposed in place of this piece, and is no part of the text; '' where nothing was rejected. */
      readonly rejected: string;
      readonly speed: Speed;
      /** Bytes that the device holds for this text, beside the weights. */
      readonly stateBytes: number;
      /** What became of drafts so far, where there are some. */
      readonly drafts: DraftCounts | undefined;
    }
  | { readonly type: 'done'; readonly because: 'stop' | 'length' | 'stopped' }
  | { readonly type: 'retrieved'; readonly retrieval: Retrieval }
  /** The model could not be loaded, or is gone with its device: only loading it again helps. */
  | { readonly type: 'gone'; readonly sentence: string }
  /** What was asked failed; the model is still there. */
  | { readonly type: 'failed'; readonly sentence: string };
