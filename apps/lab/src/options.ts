import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Section } from './bench/bench.ts';
import { sectionNames } from './bench/bench.ts';
import type { WeightDtype } from './bench/cases/products.ts';
import type { Scale } from './bench/scale.ts';
import type { Directories } from './bench/speculation/subjects.ts';
import { modelsBeside } from './bench/speculation/subjects.ts';
import { countOf, numberOf } from './number-options.ts';

/** What the command was asked for. */
export interface CommandOptions {
  readonly scale: Scale;
  /** With toggles that a page cannot set. */
  readonly native: boolean;
  readonly only: ReadonlySet<Section> | undefined;
  readonly dtypes: readonly WeightDtype[];
  /** After so many seconds nothing new begins. */
  readonly seconds: number;
  /** Texts of each row of speculation. */
  readonly texts: number;
  /** Folder for the results. */
  readonly out: string | undefined;
  /** File of a peer's results. */
  readonly peers: string | undefined;
  readonly commit: string | undefined;
  /** Checkpoints that speculate and stream. */
  readonly directories: Directories;
}

/** How the command is used. */
export const usage: string = `bench [--quick | --dry] [--native] [--only=SECTION,…] [--dtypes=f16,bf16,f32] [--seconds=N]
      [--texts=N] [--out=FOLDER] [--peers=FILE] [--commit=ID] [--models=DIR,…] [--draft=DIR] [--heads=DIR]

--quick   the most telling rows, models in f16: two minutes on a large GPU
--dry     everything once at tiny sizes on a software adapter: proves that it works, gives no figures
--native  with toggles of Dawn that a page cannot set: shader-f16 on NVIDIA
--only    ${sectionNames.join(', ')}; the roofs are always measured
--models  checkpoints for speculation and streaming, which run only where --only names them
--draft   a draft model with their tokenizer
--heads   Medusa-style heads of the first of them
--texts   of each row of speculation, 9 when absent: the more, the surer the ratio
--seconds nothing new begins after this time, and what is missing is told; at SIGINT and SIGTERM, too`;

const dtypeNames: readonly WeightDtype[] = ['f16', 'bf16', 'f32'];
/** Not there in a bundle. */
const modelsOfRepository = fileURLToPath(new URL('../../models', import.meta.url));
/** The end of a run is a minute after its last row begins, at most. */
const secondsOf: Readonly<Record<Scale, number>> = { full: 420, quick: 90, dry: 3600 };

/**
 * Reads the command line.
 * @throws Error that says what is wrong, for options that are not known or do not go together
 */
export function readOptions(args: readonly string[]): CommandOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      dry: { type: 'boolean', default: false },
      native: { type: 'boolean', default: false },
      only: { type: 'string' },
      dtypes: { type: 'string' },
      seconds: { type: 'string' },
      texts: { type: 'string' },
      out: { type: 'string' },
      peers: { type: 'string' },
      commit: { type: 'string' },
      models: { type: 'string' },
      draft: { type: 'string' },
      heads: { type: 'string' },
    },
  });
  const { quick, dry, native, only, dtypes, seconds, texts, out, peers, commit, models, draft, heads } = values;
  if (quick && dry) throw new Error('--quick and --dry do not go together. Give one of them.');
  if (native && dry) throw new Error('--native and --dry do not go together: a dry run is on the software adapter.');
  const scale = dry ? 'dry' : quick ? 'quick' : 'full';
  return {
    scale,
    native,
    only: only === undefined ? undefined : new Set(listOf('only', only, sectionNames)),
    dtypes: dtypes === undefined ? (scale === 'full' ? dtypeNames : ['f16']) : listOf('dtypes', dtypes, dtypeNames),
    seconds: numberOf('seconds', seconds, secondsOf[scale]),
    texts: countOf('texts', texts, dry ? 1 : 9),
    out,
    peers,
    commit,
    // A dry run takes what is small.
    directories: { models: models?.split(',') ?? (dry ? [] : modelsBeside(modelsOfRepository)), draft, heads },
  };
}

function listOf<T extends string>(option: string, given: string, known: readonly T[]): T[] {
  return given.split(',').map((name) => {
    if (!known.includes(name as T))
      throw new Error(`--${option} names '${name}', which is none of ${known.join(', ')}.`);
    return name as T;
  });
}
