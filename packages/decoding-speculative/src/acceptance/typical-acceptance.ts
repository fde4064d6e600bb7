import { placeOf } from '@tessera/sampling';
import type { Acceptance, AcceptanceCall } from './accept-draft.ts';
import { parentsOf } from './draft.ts';

/** Settings of {@link approximateTypicalAcceptance}. */
export interface TypicalAcceptanceOptions {
  /** A token that is likelier than that is accepted. @defaultValue 0.09 */
  readonly epsilon?: number;
  /** In what is uncertain so many times e^{−H} suffices. @defaultValue 0.3 */
  readonly delta?: number;
}

/**
 * **Approximate**: the text has another distribution than that of plain decoding. Accepts a token when p(x) > min(ε, δ e^{−H(p)}); the
 * longest accepted path wins, of equal ones the first. The token after it is drawn.
 * @see Cai et al. 2024, arXiv:2401.10774, section 2.3.1.
 */
export function approximateTypicalAcceptance(
  { draft, p, uniforms }: AcceptanceCall,
  { epsilon = 0.09, delta = 0.3 }: TypicalAcceptanceOptions = {},
): Acceptance {
  const parents = parentsOf(draft);
  const paths = new Map<number, { readonly path: readonly number[]; readonly p: Float32Array | Float64Array }>();
  const root = { path: [], p: p(-1, []) };
  paths.set(-1, root);
  let longest: { readonly path: readonly number[]; readonly p: Float32Array | Float64Array } = root;
  draft.tokens.forEach((token, node) => {
    const before = paths.get(parents[node]!);
    if (!before || !(before.p[token]! > Math.min(epsilon, delta * Math.exp(-entropyOf(before.p))))) return;
    const path = [...before.path, node];
    const here = { path, p: p(node, path) };
    paths.set(node, here);
    if (path.length > longest.path.length) longest = here;
  });
  return { path: longest.path, next: placeOf(longest.p, uniforms(longest.path.length)(0)) };
}

/** Σ −p log p, in nats. */
function entropyOf(p: ArrayLike<number>): number {
  let entropy = 0;
  for (let id = 0; id < p.length; id++) if (p[id]! > 0) entropy -= p[id]! * Math.log(p[id]!);
  return entropy;
}
