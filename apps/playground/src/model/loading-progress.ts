import type { OnProgress } from '@tessera/assembler';
import type { Report } from '../protocol.ts';

const megabyte = 1e6;

/**
 * Puts what happens while a model is loaded into one bar: bytes that are read, and where a GPU compiles meanwhile, steps that
 * are compiled. Of such a bar each takes one half.
 */
export function loadingProgress(compiles: boolean, tell: (report: Report) => void): OnProgress {
  let read = { sentence: 'Loading the model', ratio: 0 };
  let compiled = { sentence: '', ratio: 0 };
  return ({ type, loaded, total, ratio }) => {
    if (type === 'total')
      read = {
        sentence: `Loading the model: ${(loaded / megabyte).toFixed(1)} of ${(total / megabyte).toFixed(1)} MB`,
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
