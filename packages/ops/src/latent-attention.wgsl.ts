import type { KernelCall, KernelPass, WebGpuPassesKernel } from '@tessera/tensor-core';
import { gpuLimit } from '@tessera/tensor-core';
import type { Attributes } from './attention.wgsl.ts';
import { joinedQuads, joinPartsSource } from './join-parts.wgsl.ts';
import { latentLayout } from './latent-attention-layout.ts';
import type { LatentSizes } from './latent-attention-layout.ts';
import { latentPartSource } from './latent-attention-part.wgsl.ts';
import type { LatentAccess } from './latent-attention-part.wgsl.ts';
import type { LatentAttentionAttributes } from './latent-attention.ts';

type Call = KernelCall<LatentAttentionAttributes>;

/** With more queries a form that makes keys and values of the latents is the better one. */
const mostQueries = 128;

function sizesOf({ inputs, outputs: [o], attributes }: Call): LatentSizes {
  const [B, n, H, K] = inputs[0]!.shape as [number, number, number, number];
  const { groups: G, sharedDim: R } = attributes;
  return { B, n, H, K, S: inputs[3]!.shape[1]!, G, V: o!.shape[3]!, R };
}

/** Attention over latents, split over the cache as that over keys and values is. A row is read once, for its key and its value. */
export const latentAttentionKernel: WebGpuPassesKernel<LatentAttentionAttributes> = {
  backend: 'webgpu',
  name: 'rows as keys and values, split over the cache',
  when(capabilities, call) {
    const sizes = sizesOf(call);
    const { B, n, H, K, S, V, R } = sizes;
    return (
      [0, 1].every((input) => call.inputs[input]!.dtype === 'f32') &&
      B * n * H * S * K * V > 0 &&
      [K, V, R].every((width) => width % 4 === 0) &&
      n <= mostQueries &&
      call.inputs.length + 2 <= gpuLimit(capabilities, 'maxStorageBuffersPerShaderStage') &&
      latentLayout(sizes, capabilities) !== undefined
    );
  },
  passes(call, capabilities) {
    const sizes = sizesOf(call);
    const { B, n, H, G, V } = sizes;
    const layout = latentLayout(sizes, capabilities)!;
    const { parts, blocks } = layout;
    const inputs: KernelPass['bindings'] = call.inputs.map((_, index) => ({ of: 'input', index }));
    const output = { of: 'output', index: 0, write: true } as const;
    const sums = { of: 'temporary', index: 0 } as const;
    const statistics = { of: 'temporary', index: 1 } as const;
    const { scale, window, masked, pinned } = call.attributes;
    const attributes: Attributes = { scale, window, masked, pinned, sinks: false, causal: true, softCap: 0 };
    const source = latentPartSource(sizes, layout, attributes, accessOf(sizes, call));
    // Blocks and latents of the same slots run side by side, and find in nearer memory what another of them has read.
    const grid = [G * blocks, parts, B] as const;
    if (parts === 1) return { temporaries: [], passes: [{ source, grid, bindings: [...inputs, output] }] };
    const written = [
      { ...sums, write: true },
      { ...statistics, write: true },
    ];
    return {
      temporaries: [
        { dtype: 'f32', shape: [B * n * H, parts, V] },
        { dtype: 'f32', shape: [B * n * H, parts, 2] },
      ],
      passes: [
        { source, grid, bindings: [...inputs, ...written] },
        {
          source: joinPartsSource(sizes, parts),
          grid: [H * Math.ceil(V / 4 / joinedQuads), n, B],
          bindings: [sums, statistics, output],
        },
      ],
    };
  },
};

/** One buffer, in which a row holds the latents of all groups and the shared key, found by the slot or by a table of pages. */
function accessOf({ S }: LatentSizes, { inputs, attributes }: Call): LatentAccess {
  const { pageSize: page, masked, pinned } = attributes;
  const [N, X] = inputs[1]!.shape as [number, number];
  // Pages are those of the row of the batch, or of the one pool.
  const begin = N === 1 ? '' : `b * ${X}u + `;
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
    row:
      page > 0
        ? `${begin}min(u32(max(table[b * ${S / page}u + s / ${page}u], 0)), ${X / page - 1}u) * ${page}u + s % ${page}u`
        : `b * ${S}u + s`,
  };
}
