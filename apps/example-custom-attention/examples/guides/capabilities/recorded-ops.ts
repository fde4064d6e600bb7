import type { AnyMixer, Site } from '@tessera/plugin';
import type { Graph, GraphNode, Tensor } from '@tessera/tensor-core';
import { FeatureUnavailableError, gradOf, scanOp, sum, trace, treeLeaves } from '@tessera/tensor-core';

/** What a mixer records: the ops by which positions see each other, and how. */
export interface Recorded {
  /** Of whole sequences. */
  readonly forward: readonly string[];
  /** Of their gradient, beside those of {@link Recorded.forward}. */
  readonly gradient: readonly string[];
  /** Of a step of one position. */
  readonly step: readonly string[];
  /** Of a step of many, as a prompt in chunks has them. */
  readonly chunk: readonly string[];
  /** False: many positions go one after another. */
  readonly atOnce: boolean;
  /** False: packed documents are refused. */
  readonly packed: boolean;
}

const sequence = 64;

/** Ops that work on each position by itself are not what a mixer is chosen by. */
const mixes = (name: string): boolean => /attention|convolution/.test(name);

/** Records a mixer in all of its forms. Nothing is computed. */
export function recordedOps(mixer: AnyMixer, site: Site<object>): Recorded {
  const { decoding } = mixer;
  const size = { batch: 1, capacity: 2 * sequence, chunk: sequence };
  const step = (n: number): Graph | undefined =>
    decoding &&
    record(mixer, site, n, (call) => {
      const { params, context } = call;
      const made = decoding.step({ ...call, state: decoding.init({ ...site, ...size, params, context }) });
      return [made.y, ...treeLeaves(made.state)];
    });
  const forward = record(mixer, site, sequence, (call) => [mixer.forward(call).y]);
  const gradient = record(mixer, site, sequence, (call) =>
    treeLeaves(gradOf(sum(mixer.forward(call).y), call.params as Record<string, Tensor>)),
  );
  const chunk = step(sequence);
  const seen = opsOf(forward);
  return {
    forward: seen,
    gradient: opsOf(gradient).filter((name) => !seen.includes(name)),
    step: opsOf(step(1)),
    chunk: opsOf(chunk),
    atOnce: !chunk?.nodes.some(({ op }) => op.id === scanOp.id),
    packed: keepsDocumentsApart(mixer, site),
  };
}

interface RecordedCall {
  readonly params: Readonly<Record<string, Tensor>>;
  readonly config: object;
  readonly x: Tensor;
  readonly positions: Tensor;
  readonly starts: Tensor;
  readonly lengths: Tensor;
  readonly segments: Tensor;
  readonly context: Tensor;
}

function record(
  mixer: AnyMixer,
  site: Site<object>,
  n: number,
  build: (call: Omit<RecordedCall, 'segments'>, segments: Tensor) => readonly Tensor[],
): Graph {
  const specs = Object.entries(mixer.params(site) as Record<string, { readonly shape: readonly number[] }>);
  const i32 = (...shape: number[]) => ({ shape, dtype: 'i32' }) as const;
  const x = { shape: [1, n, site.dModel], dtype: 'f32' } as const;
  return trace(
    (x, positions, starts, lengths, segments, ...values) => {
      const params = Object.fromEntries(specs.map(([name], index) => [name, values[index]!]));
      const call = { params, config: site.config, x: x!, positions: positions!, starts: starts!, lengths: lengths! };
      return build({ ...call, context: x! }, segments!);
    },
    [x, i32(1, n), i32(1), i32(1), i32(1, n), ...specs.map(([, { shape }]) => ({ shape, dtype: 'f32' }) as const)],
  );
}

function keepsDocumentsApart(mixer: AnyMixer, site: Site<object>): boolean {
  try {
    record(mixer, site, sequence, (call, segments) => [mixer.forward({ ...call, segments }).y]);
    return true;
  } catch (error) {
    if (error instanceof FeatureUnavailableError) return false;
    throw error;
  }
}

/** Names of ops that mix positions; those with a WGSL kernel have a star. */
function opsOf(graph: Graph | undefined): readonly string[] {
  const names = new Set<string>();
  for (const { op } of nodesOf(graph)) {
    const name = op.id.split(':')[1]!;
    if (!op.definition || !mixes(name)) continue;
    names.add(`${name}${op.kernels?.some(({ backend }) => backend === 'webgpu') ? '*' : ''}`);
  }
  return [...names].toSorted();
}

/** Nodes of a graph and of those inside its loops. */
function nodesOf(graph: Graph | undefined): readonly GraphNode[] {
  return (graph?.nodes ?? []).flatMap((node) => [
    node,
    ...Object.values(node.attributes).flatMap((value: unknown) => (isGraph(value) ? nodesOf(value) : [])),
  ]);
}

function isGraph(value: unknown): value is Graph {
  return typeof value === 'object' && value !== null && 'nodes' in value && Array.isArray(value.nodes);
}
