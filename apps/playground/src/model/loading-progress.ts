import type { OnProgress } from '@tessera/assembler';
import type { Report } from '../protocol.ts';

const megabyte = 1e6;

/**
 * Puts what happens while a model is loaded into one bar: bytes that are read, and where a GPU compiles meanwhile, steps that
 * are compiled. Of such a bar each takes one half.
 * @param what - is loaded, as in “Loading the model”
 */
export function loadingProgress(what: string, compiles: boolean, tell: (report: Report) => void): OnProgress {
  let read = { sentence: `Loading ${what}`, ratio: 0 };
  let compiled = { sentence: '', ratio: 0 };
  return ({ type, loaded, total, ratio }) => {
    if (type === 'total')
      read = {
        sentence: `Loading ${what}: ${(loaded / megabyte).toFixed(1)} of ${(total / megabyte).toFixed(1)} MB`,
        ratio,
      };
    else if (type === 'compile') compiled = { sentence: `, ${loaded} of ${total} steps compiled`, ratio };
    else return;
    tell({
      type: 'progress',
      doing: read.sentence + compiled.sentence,
      ratio: compiles ? (read.ratio + compiled.ratio) / 2 : read.ratio,
    });
  };
}
