import type { AnyMixer, ParamSpecs, Site } from '@tessera/plugin';
import { validate } from '@tessera/plugin';
import type { Device, Program, Tensor, TensorTree } from '@tessera/tensor-core';
import { fillTree, fromHost, treeEntries, treeLeaves, trace } from '@tessera/tensor-core';
import { Draw } from './draw.ts';
import { drawParameter } from './draw-parameters.ts';
import type { Token } from './rows.ts';

/** What {@link mixerLaws} is told about the mixer. */
export interface SubjectOptions {
  readonly mixer: AnyMixer;
  readonly config: unknown;
  /** Width of the model. Small widths make fast laws. */
  readonly dModel: number;
  /** Number of the layer. @defaultValue 1 */
  readonly layer?: number;
  /** @defaultValue 4 */
  readonly layers?: number;
  /**
   * How far two ways of computing the same may be apart, as a part of the largest output (at least of 1).
   * @defaultValue 2e-5
   */
  readonly tolerance?: number;
  /** Seed of everything that is drawn. @defaultValue 1 */
  readonly seed?: number;
  /** Shape of one position of each link that the mixer reads by position. */
  readonly links?: Readonly<Record<string, readonly number[]>>;
  /** Entries of the context that the mixer looks at. @defaultValue no context */
  readonly context?: number;
  /** False: the mixer refuses packed documents, by its name. @defaultValue true */
  readonly segments?: boolean;
  /** False: `forward` is not tried on sequences of no entry. @defaultValue true */
  readonly empty?: boolean;
}

/** A mixer with drawn parameters on one device, and the programs that were compiled for it. */
export class Subject {
  readonly mixer: AnyMixer;
  readonly device: Device;
  readonly options: SubjectOptions;
  readonly tolerance: number;
  readonly seed: number;
  /** The same mixer on the device of reference, where that is another one. */
  readonly reference: Subject | undefined;
  readonly #programs = new Map<string, Promise<{ program: Program; form: TensorTree }>>();
  #site: Site<object> | undefined;
  #params: Readonly<Record<string, Tensor>> | undefined;

  constructor(options: SubjectOptions, device: Device, reference: Device = device) {
    this.reference = reference === device ? undefined : new Subject(options, reference);
    this.mixer = options.mixer;
    this.device = device;
    this.options = options;
    this.tolerance = options.tolerance ?? 2e-5;
    this.seed = options.seed ?? 1;
  }

  /** Where the layer stands, with its settings as the schema reads them. */
  get site(): Site<object> {
    const { mixer, config, dModel, layer = 1, layers = 4 } = this.options;
    return (this.#site ??= { config: validate<object>(mixer.config, config, mixer.name), dModel, layer, layers });
  }

  get specs(): ParamSpecs<Record<string, Tensor>> {
    return this.mixer.params(this.site) as ParamSpecs<Record<string, Tensor>>;
  }

  /** Learned tensors on the host. */
  hostParams(): Record<string, Tensor> {
    return Object.fromEntries(
      Object.entries(this.specs).map(([name, spec]) => [
        name,
        fromHost(drawParameter(name, spec, this.seed), spec.shape),
      ]),
    );
  }

  /** Learned tensors on the device. */
  get params(): Readonly<Record<string, Tensor>> {
    return (this.#params ??= Object.fromEntries(
      Object.entries(this.hostParams()).map(([name, value]) => [name, this.upload(value)]),
    ));
  }

  upload(value: Tensor): Tensor {
    return value.source.kind === 'host' ? this.device.upload(value.source.data, value) : value;
  }

  /** Tokens that are the same for the same stream. */
  tokens(stream: string, count: number, scale = 1): Token[] {
    const draw = new Draw(this.seed, `tokens ${stream}`);
    const links = Object.entries(this.options.links ?? {});
    return Array.from({ length: count }, () => ({
      x: draw.normals(this.options.dModel, scale),
      links: Object.fromEntries(
        links.map(([name, shape]) => [
          name,
          draw.normals(
            shape.reduce((a, b) => a * b, 1),
            scale,
          ),
        ]),
      ),
    }));
  }

  /** Contexts of the rows of these identities, `[B, S, D]`. */
  context(identities: readonly number[]): Tensor | undefined {
    const { context: S, dModel } = this.options;
    if (S === undefined) return undefined;
    const data = new Float32Array(identities.length * S * dModel);
    identities.forEach((identity, b) =>
      data.set(new Draw(this.seed, `context ${identity}`).normals(S * dModel), b * S * dModel),
    );
    return fromHost(data, [identities.length, S, dModel]);
  }

  /** Runs `build` on a tree of tensors as a compiled program, as a model does; compiled once for each form of the tree. */
  async run<T>(
    key: string,
    inputs: TensorTree,
    build: (inputs: never) => T,
    { donate }: { readonly donate?: string | undefined } = {},
  ): Promise<T> {
    const entries = treeEntries(inputs);
    const form = entries.map(([path, { dtype, shape }]) => `${path}:${dtype}[${shape.join()}]`).join(' ');
    const name = `${key} ${donate ?? ''} ${form}`;
    let made = this.#programs.get(name);
    if (!made) this.#programs.set(name, (made = this.#compile(inputs, build as never, donate)));
    const { program, form: like } = await made;
    const given = entries.map(([, leaf]) => this.upload(leaf));
    const outputs = program.run(given);
    for (const [index, tensor] of given.entries()) if (tensor !== entries[index]![1]) tensor.dispose();
    return fillTree(like, outputs) as T;
  }

  async #compile(
    inputs: TensorTree,
    build: (inputs: TensorTree) => TensorTree,
    donate: string | undefined,
  ): Promise<{ program: Program; form: TensorTree }> {
    const entries = treeEntries(inputs);
    let form: TensorTree;
    const graph = trace(
      (...leaves) => treeLeaves((form = build(fillTree(inputs, leaves)))),
      entries.map(([, { shape, dtype }]) => ({ shape, dtype })),
    );
    const overwritten = entries.flatMap(([path], index) =>
      donate !== undefined && path.startsWith(`${donate}.`) ? [index] : [],
    );
    return { program: await this.device.compile(graph, { donate: overwritten }), form };
  }
}
