import type { GpuCapabilities, KernelCall, KernelPass, WebGpuPassesKernel } from '@tessera/tensor-core';
import { binds } from './attention.wgsl.ts';
import type { Attributes, Sizes } from './attention.wgsl.ts';
import { lanes, layoutOf, partSource, sharedBytes } from './attention-decode.wgsl.ts';
import type { CacheAccess, Layout } from './attention-decode.wgsl.ts';
import { joinedQuads, joinPartsSource, mostJoinedParts } from './join-parts.wgsl.ts';
import type { LatentAttentionAttributes } from './latent-attention.ts';
import { workgroupBytes } from './quads.wgsl.ts';

type Call = KernelCall<LatentAttentionAttributes>;

/** With more queries a form that makes keys and values of the latents is the better one. */
const mostQueries = 128;

function sizesOf({ inputs, outputs: [o], attributes }: Call): Sizes {
  const [B, n, H, K] = inputs[0]!.shape as [number, number, number, number];
  return { B, n, H, K, S: inputs[3]!.shape[1]!, G: attributes.groups, V: o!.shape[3]! };
}

/** So many workgroups keep a large GPU busy. With one latent for all heads, only parts of the cache make that many. */
const manyWorkgroups = 1024;

/** As many rows a workgroup as its memory takes, and parts enough. Undefined: not even one row fits. */
function divided(sizes: Sizes, pinned: number, capabilities: GpuCapabilities): Layout | undefined {
  const memory = workgroupBytes(capabilities) - 4 * lanes;
  const rows = [8, 4, 2, 1].find((count) => sharedBytes(sizes, pinned, { rows: count }) <= memory);
  if (rows === undefined) return undefined;
  const { blocks } = layoutOf(sizes, { rows });
  const parts = Math.max(64, Math.floor(manyWorkgroups / (sizes.B * sizes.G * blocks)));
  return layoutOf(sizes, { rows, parts: Math.min(parts, mostJoinedParts) });
}

/**
 * Attention over latents, split over the cache as that over keys and values is. A row is read for its key and again, from
 * nearer memory, for its value.
 */
export const latentAttentionKernel: WebGpuPassesKernel<LatentAttentionAttributes> = {
  backend: 'webgpu',
  name: 'rows as keys and values, split over the cache',
  when(capabilities, call) {
    const sizes = sizesOf(call);
    const { B, n, H, K, S, V } = sizes;
    return (
      [0, 1].every((input) => call.inputs[input]!.dtype === 'f32') &&
      B * n * H * S * K * V > 0 &&
      [K, V, call.attributes.sharedDim].every((width) => width % 4 === 0) &&
      n <= mostQueries &&
      V <= 4 * lanes &&
      binds(capabilities, call.inputs.length + 2) &&
      divided(sizes, call.attributes.pinned, capabilities) !== undefined
    );
  },
  passes(call, capabilities) {
    const sizes = sizesOf(call);
    const { B, n, H, G, V } = sizes;
    const layout = divided(sizes, call.attributes.pinned, capabilities)!;
    const inputs: KernelPass['bindings'] = call.inputs.map((_, index) => ({ of: 'input', index }));
    const output = { of: 'output', index: 0, write: true } as const;
    const sums = { of: 'temporary', index: 0 } as const;
    const statistics = { of: 'temporary', index: 1 } as const;
    const { scale, window, masked, pinned } = call.attributes;
    const attributes: Attributes = { scale, window, masked, pinned, sinks: false, causal: true, softCap: 0 };
    const source = partSource(sizes, layout, attributes, rowsAsBoth(sizes, call));
    const grid = [layout.parts, G * layout.blocks, B] as const;
    if (layout.parts === 1) return { temporaries: [], passes: [{ source, grid, bindings: [...inputs, output] }] };
    const written = [
      { ...sums, write: true },
      { ...statistics, write: true },
    ];
    return {
      temporaries: [
        { dtype: 'f32', shape: [B * n * H, layout.parts, V] },
        { dtype: 'f32', shape: [B * n * H, layout.parts, 2] },
      ],
      passes: [
        { source, grid, bindings: [...inputs, ...written] },
        {
          source: joinPartsSource(sizes, layout.parts),
          grid: [H * Math.ceil(V / 4 / joinedQuads), n, B],
          bindings: [sums, statistics, output],
        },
      ],
    };
  },
};

/** One buffer, in which a row holds the latents of all groups and the shared key. Where a row is, each lane finds out for one. */
function rowsAsBoth({ S, G, K, V }: Sizes, { inputs, attributes }: Call): CacheAccess {
  const { sharedDim: R, pageSize: page, masked, pinned } = attributes;
  const [N, X] = inputs[1]!.shape as [number, number];
  // Pages are those of the row of the batch, or of the one pool.
  const begin = N === 1 ? '' : `b * ${X}u + `;
  const width = (G * V + R) / 4;
  const row =
    page > 0
      ? `${begin}min(u32(max(table[b * ${S / page}u + s / ${page}u], 0)), ${X / page - 1}u) * ${page}u + s % ${page}u`
      : `b * ${S}u + s`;
  const names = [
    ['q', 'vec4f'],
    ['rows', 'vec4f'],
    ['queryPositions', 'i32'],
    ['keyPositions', 'i32'],
    ...(page > 0 ? [['table', 'i32']] : []),
    ...(masked ? [['mask', 'u32']] : []),
    ...(pinned > 0 ? [['pinnedQuery', 'vec4f']] : []),
  ];
  return {
    bindings: names
      .map(([name, type], index) => `@group(0) @binding(${index}) var<storage, read> ${name}: array<${type}>;`)
      .join('\n'),
    next: names.length,
    memory: `var<workgroup> places: array<u32, ${lanes}>;`,
    place: `places[lane] = (${row}) * ${width}u;`,
    key: [
      { buffer: 'rows', first: `places[lane] + kv * ${V / 4}u`, quads: (K - R) / 4 },
      { buffer: 'rows', first: `places[lane] + ${(G * V) / 4}u`, quads: R / 4 },
    ].filter(({ quads }) => quads > 0),
    value: (inTile) => `rows[places[${inTile}] + kv * ${V / 4}u + quad]`,
  };
}
