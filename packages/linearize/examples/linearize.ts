import { createAssembler } from '@tessera/assembler';
import type { Model } from '@tessera/assembler';
import { groupedLinearAttention, linearAttention } from '@tessera/attention-linear';
import { softmax } from '@tessera/attention-softmax';
import { feedForward } from '@tessera/feedforward';
import { linearize } from '@tessera/linearize';
import type { Linearized } from '@tessera/linearize';
import { norms } from '@tessera/norms';

/** A trained model with grouped linear attention in place of its own. */
export async function linearizeModel(model: Model): Promise<Linearized> {
  // #region linearize
  const assembler = createAssembler({ plugins: [softmax, linearAttention, feedForward, norms] });
  const made = await linearize(model, { assembler, mixer: groupedLinearAttention, config: { group: 16 } });
  // made.drawn: what softmax attention does not have, to be trained together with the rest
  // #endregion linearize
  return made;
}
