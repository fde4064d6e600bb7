import type { Tensor } from './tensor.ts';
import { treeLeaves } from './tree.ts';

/**
 * Frees tensors at the end of a block: `using scope = new Scope(); const y = scope.add(program.run([x])[0]);`.
 * What has to live longer is taken out with {@link Scope.keep}.
 */
export class Scope {
  readonly #tensors = new Set<Tensor>();

  /** Frees every tensor of `tree` at the end, and returns the tree. */
  add<T>(tree: T): T {
    for (const tensor of treeLeaves(tree)) this.#tensors.add(tensor);
    return tree;
  }

  /** Lets every tensor of `tree` live on, and returns the tree. */
  keep<T>(tree: T): T {
    for (const tensor of treeLeaves(tree)) this.#tensors.delete(tensor);
    return tree;
  }

  /** Frees what was added. */
  dispose(): void {
    for (const tensor of this.#tensors) tensor.dispose();
    this.#tensors.clear();
  }

  /** As {@link Scope.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
