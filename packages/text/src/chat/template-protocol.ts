import type { TemplateVariables } from './conversation.ts';

/** What the worker is asked: one template, rendered with each set of variables. */
export interface RenderRequest {
  readonly template: string;
  readonly variables: readonly TemplateVariables[];
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly maxOutputLength: number;
}

/** Why a template gave no text. */
export interface RenderFailure {
  /** `syntax` and `runtime`: a mistake in the template; `refused`: it raised an exception itself; `limit`: it grew too large. */
  readonly kind: 'syntax' | 'runtime' | 'refused' | 'limit';
  readonly message: string;
  readonly line?: number;
}

export type RenderResult = { readonly text: string; readonly error?: undefined } | { readonly error: RenderFailure };

/** What the worker answers: an error of the whole template, or one result per set of variables. */
export type RenderAnswer =
  | { readonly results: readonly RenderResult[]; readonly error?: undefined }
  | { readonly error: RenderFailure };
