import {
  FeatureUnavailableError,
  add,
  expandDims,
  gather,
  iota,
  mapTree,
  permute,
  reshape,
  scan,
  scatterSet,
  slice,
  treeLeaves,
  where,
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import type { AnyMixer, AnyState, CommitCall, Decoding, Links, StepCall } from './mixer.ts';
import { perEntry, pickRows, validEntries } from './rows.ts';

/** A decoding whose types nobody knows any more. */
export type AnyDecoding = Decoding<object, object, AnyState>;
/** A step of a mixer whose types nobody knows any more. */
export type AnyStep = StepCall<object, object, AnyState>;
/** A commit of a mixer whose types nobody knows any more. */
export type AnyCommit = CommitCall<object, object, AnyState>;

/** The decoding of a mixer, or an error that names it. */
export function decodingOf(mixer: AnyMixer): AnyDecoding {
  if (!mixer.decoding)
    throw new FeatureUnavailableError(
      `${mixer.name} has no decoding: it looks at the whole sequence. It can run forward, not generate.`,
      {
        facts: { mixer: mixer.name },
      },
    );
  return mixer.decoding as AnyDecoding;
}

/** One step of any mixer. A tree goes node by node where the mixer does not take trees itself. */
export function runStep(mixer: AnyMixer, call: AnyStep): { y: Tensor; state: AnyState; links?: Links } {
  const decoding = decodingOf(mixer);
  return call.parents && !decoding.trees ? stepNodes(mixer, call, call.parents) : decoding.step(call);
}

/** Keeps of the last step only the nodes on the path: the mixer's own way, or a state that it kept, or the snapshot and a step over them. */
export function runCommit(mixer: AnyMixer, call: AnyCommit): AnyState {
  const decoding = decodingOf(mixer);
  if (treeLeaves(call.snapshot).length === 0) return call.state;
  if (decoding.commit) return decoding.commit(call);
  if (call.nothing) return call.snapshot;
  const found = decoding.lookUp?.(call);
  if (found) return found;
  const batch = call.inputs.shape[0]!;
  // What the step made of the same rows is recorded once.
  const pick = (rows: Tensor): Tensor => (call.inOrder ? rows : pickRows(rows, call.path));
  const { state } = decoding.step({
    params: call.params,
    config: call.config,
    x: pick(call.inputs),
    positions: pick(call.positions),
    starts: zeros([batch], 'i32'),
    lengths: call.count,
    state: call.snapshot,
    ...(call.links && { links: pickLinks(mixer, call.links, pick) }),
    ...(call.context && { context: call.context }),
    ...(call.cache && { cache: call.cache }),
  });
  return state;
}

/** The state with the rows where `rows [B]` is true taken from `a`, the others from `b`. */
export function selectRows(rows: Tensor, a: AnyState, b: AnyState): AnyState {
  const others = treeLeaves(b);
  let next = 0;
  return mapTree(a, (leaf) => where(perEntry(rows, leaf), leaf, others[next++]!));
}

function pickLinks(mixer: AnyMixer, links: Links, pick: (link: Tensor) => Tensor): Links {
  return Object.fromEntries(
    Object.entries(links).map(([name, link]) => [name, mixer.reads?.[name] === 'positions' ? pick(link) : link]),
  );
}

/**
 * A tree, one node after another: the state after each node is kept, and a node starts from that of its parent. Costs a
 * state per node; exact for every mixer.
 */
function stepNodes(mixer: AnyMixer, call: AnyStep, parents: Tensor): { y: Tensor; state: AnyState; links?: Links } {
  const decoding = decodingOf(mixer);
  const [batch, n] = call.x.shape as [number, number, number];
  const nodesFirst = (rows: Tensor): Tensor => permute(rows, [1, 0, ...rows.shape.slice(2).map((_, axis) => axis + 2)]);
  const perNode = (rows: Tensor): Tensor => expandDims(nodesFirst(rows), 2); // [n, B, 1, …]
  const valid = validEntries(call, n);
  const room = mapTree(call.state, (leaf) =>
    scatterSet(
      zeros([batch, n + 1, ...leaf.shape.slice(1)], leaf.dtype),
      zeros([batch, 1], 'i32'),
      expandDims(leaf, 1),
      { batchDims: 1 },
    ),
  );
  const links = Object.entries(call.links ?? {});
  const perPosition = links.filter(([name]) => mixer.reads?.[name] === 'positions');
  const { carry, outputs } = scan({
    carry: { states: room },
    sequences: {
      x: perNode(call.x),
      position: perNode(call.positions),
      parent: nodesFirst(parents),
      length: nodesFirst(where(valid, 1, zeros(valid.shape, 'i32'))),
      node: iota([n]),
      links: Object.fromEntries(perPosition.map(([name, link]) => [name, perNode(link)])),
    },
    step: ({ states }, element) => {
      const from = expandDims(add(element.parent, 1), 1); // [B, 1]
      const state = mapTree(states, (leaf) =>
        reshape(gather(leaf, from, { batchDims: 1 }), [batch, ...leaf.shape.slice(2)]),
      );
      const { parents: _, segments: __, ...rest } = call;
      const made = decoding.step({
        ...rest,
        x: element.x,
        positions: element.position,
        starts: zeros([batch], 'i32'),
        lengths: element.length,
        state,
        ...(links.length > 0 && { links: { ...call.links, ...element.links } }),
      });
      for (const [name, link] of Object.entries(made.links ?? {}))
        if (link.shape[1] !== 1)
          throw new FeatureUnavailableError(
            `${mixer.name} gives the memory '${name}' to later layers and does not take trees, so nodes would each have a memory of their own. Let it take trees.`,
            { facts: { mixer: mixer.name, link: name, shape: link.shape } },
          );
      const leaves = treeLeaves(made.state);
      let next = 0;
      const slot = add(zeros([batch, 1], 'i32'), add(element.node, 1));
      return {
        carry: {
          states: mapTree(states, (leaf) => scatterSet(leaf, slot, expandDims(leaves[next++]!, 1), { batchDims: 1 })),
        },
        output: { y: made.y, links: (made.links ?? {}) as Record<string, Tensor> },
      };
    },
  });
  const batchFirst = (rows: Tensor): Tensor => reshape(nodesFirst(rows), [batch, n, ...rows.shape.slice(3)]);
  return {
    y: batchFirst(outputs.y),
    // A tree has no single last state; what follows is a commit, which picks one.
    state: mapTree(carry.states, (leaf) => reshape(slice(leaf, 1, 0, 1), [batch, ...leaf.shape.slice(2)])),
    ...(Object.keys(outputs.links).length > 0 && { links: mapTree(outputs.links, batchFirst) }),
  };
}
