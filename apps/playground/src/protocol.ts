import type { GenerateOptions } from '@tessera/assembler';

/** Where the model is to run. `auto`: on the GPU where there is one, else on the CPU. */
export type DeviceWish = 'auto' | 'webgpu' | 'cpu';

/** The settings of a generation that the page offers. */
export type Settings = Required<
  Readonly<Record<keyof Pick<GenerateOptions, 'temperature' | 'topP' | 'maxNewTokens' | 'seed'>, number>>
>;

/** What the page asks of the worker. */
export type Request =
  /** Loads a model; one that lost its device comes back. */
  | { readonly type: 'load'; readonly address: string; readonly wish: string }
  /** Continues a text. One at a time. */
  | { readonly type: 'generate'; readonly prompt: string; readonly settings: Settings }
  /** Ends the generation within one step. */
  | { readonly type: 'stop' };

/** Where the model runs. */
export interface DeviceFacts {
  readonly kind: string;
  readonly name: string;
  /** Why it is the CPU, for the person. */
  readonly notice: string | undefined;
}

/** How fast a generation goes. */
export interface Speed {
  /** From the request to the first token: the prompt is read, and on a GPU what is new to it compiled. */
  readonly prefillMs: number;
  readonly tokens: number;
  /** Of the tokens after the first; undefined before the second. */
  readonly tokensPerSecond: number | undefined;
}

/** What the worker tells the page. */
export type Report =
  /** `ratio` is 0 to 1. */
  | { readonly type: 'progress'; readonly doing: string; readonly ratio: number }
  | { readonly type: 'ready'; readonly device: DeviceFacts }
  | { readonly type: 'text'; readonly text: string; readonly speed: Speed }
  | { readonly type: 'done'; readonly because: 'stop' | 'length' | 'stopped' }
  /** The model could not be loaded, or is gone with its device: only loading it again helps. */
  | { readonly type: 'gone'; readonly sentence: string }
  /** The generation failed; the model is still there. */
  | { readonly type: 'failed'; readonly sentence: string };
