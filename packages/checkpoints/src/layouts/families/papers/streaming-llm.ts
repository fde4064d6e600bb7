import { ModelFormatError } from '@tessera/tensor-core';
import type { FileSource } from '../../../source/file-source.ts';
import { readJsonIfPresent } from '../../../source/read-json.ts';

/** What a checkpoint for StreamingLLM says about its stream. */
export interface StreamingSettings {
  /** First tokens that are kept. */
  readonly startSize: number;
  /** Last tokens that are kept beside the newest. */
  readonly recentSize: number;
}

/**
 * Settings `start_size` and `recent_size` of `hparams.json`; undefined where there are none. The model itself has the layout that
 * `config.json` names.
 * @throws ModelFormatError when one of them is no size
 * @see Xiao et al. 2023, arXiv:2309.17453.
 */
export async function readStreamingSettings(
  source: FileSource,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<StreamingSettings | undefined> {
  const fields = (await readJsonIfPresent(source, 'hparams.json', options)) as Record<string, unknown> | undefined;
  if (fields?.['start_size'] === undefined && fields?.['recent_size'] === undefined) return undefined;
  const size = (name: string, least: number): number => {
    const value = fields[name];
    if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
    throw new ModelFormatError(
      `hparams.json: ${name} is ${JSON.stringify(value)}, expected a whole number from ${least}. start_size and recent_size say what is kept of a stream.`,
      { facts: { field: name, value } },
    );
  };
  return { startSize: size('start_size', 0), recentSize: size('recent_size', 1) };
}
