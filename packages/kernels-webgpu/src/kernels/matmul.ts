import type { GpuCapabilities, GraphNode, RowFactors } from '@tessera/tensor-core';
import { isPacked, sizeOf } from '@tessera/tensor-core';
import { Emitter, stored } from '../codegen/emitter.ts';
import { asExpression, packedElement, storedAs } from '../codegen/region.ts';
import type { Region } from '../codegen/region.ts';
import type { Shader } from '../codegen/shader.ts';
import type { Dispatch } from '../compile/dispatch.ts';
import type { StridedView } from '../compile/strided-view.ts';
import type { MatmulPlan, Operand } from './matmul-plan.ts';
import { rowsShader } from './matmul-rows.ts';
import { innerParts, tilesShader } from './matmul-tiles.ts';

/** What products of one left operand read and write. */
export interface MatmulCall {
  readonly region: Region;
  readonly a: StridedView;
  /** Products of equal sizes that end in one target; their right operands lie alike. */
  readonly products: readonly { readonly node: GraphNode; readonly b: StridedView }[];
  /** The product itself, or the value of an expression that goes on from it, or from several, element by element. */
  readonly target: number;
  /** The norm whose rows they multiply, and the values of its parameters. Then `a` are the rows before it. */
  readonly norm?: { readonly factors: RowFactors; readonly values: readonly number[] } | undefined;
  readonly capabilities: GpuCapabilities;
}

/** Rows that are computed by rows, at most; more of them by tiles. */
export const fewRows = 8;

/** Products, and what joins their parts when the inner axis is cut. */
export interface MatmulDispatches {
  /** Writes the target, or parts of the products, f32. */
  readonly first: Dispatch;
  /** Reads the parts, which it binds before its other values, and writes the target. */
  readonly join?: Dispatch;
  readonly partBytes: number;
}

/** The shaders of products: by rows for few of them, else by tiles through workgroup memory. */
export function matmulDispatches(call: MatmulCall): MatmulDispatches {
  const { region, a, products, target, norm, capabilities } = call;
  const [{ node }] = products as [(typeof products)[number]];
  const shapes = node.inputs.map((value) => region.types[value]!.shape);
  const out = region.types[node.outputs[0]!]!.shape;
  const batch = out.slice(0, -2);
  const [M, N] = out.slice(-2) as [number, number];
  // The target is its own expression here, not a buffer to read.
  const given = new Map(products.map((product, i) => [product.node.outputs[0]!, `acc${i}`]));
  const emitter = new Emitter(asExpression(region, target), { given, binding: 'e' });
  const { shape, dtype } = region.types[target]!;
  const ending = given.get(target) ?? emitter.element(target, emitter.coordinates('at', shape));
  const writing = `${emitter.take()} o[at] = ${stored(ending, dtype)};`;
  const extra = emitter.reads;
  const left = operand('a', region, a);
  const rights = products.map(({ b }, i) => operand(`b${i}`, region, b));
  const K = shapes[0]!.at(-1)!;
  const parameters = norm?.values ?? [];
  const plan: MatmulPlan = {
    M,
    N,
    K,
    batches: sizeOf(batch),
    a: left,
    bs: rights,
    starts: [
      `let ${left.start} = ${batchStart(a, shapes[0]!, batch)};`,
      ...rights.map(({ start }, i) => `let ${start} = ${batchStart(products[i]!.b, shapes[1]!, batch)};`),
    ].join(' '),
    write: (at, accumulated) =>
      `{ let at = ${at}; ${accumulated.map((code, i) => `let acc${i} = ${code};`).join(' ')} ${writing} }`,
    shader: (name, types, rest) => ({
      label: `matmul ${products.length > 1 ? `${products.length} × ` : ''}${M}×${plan.K}×${N} (${name})`,
      bindings: [
        { name: 'a', element: types.a, write: false },
        ...rights.map((right) => ({ name: right.name, element: types.b, write: false })),
        ...parameters.map((_, i) => ({ name: `p${i}`, element: types.a, write: false })),
        ...extra.map((value, i) => ({
          name: `e${i}`,
          element: storedAs(region.types[value]!.dtype),
          write: false,
        })),
        { name: 'o', element: storedAs(dtype), write: true },
      ],
      ...rest,
    }),
    ...(norm && {
      norm: {
        element: (index) => norm.factors.element(parameters.map((_, i) => `p${i}[${index}]`)),
        row: (squares) => norm.factors.row(`${squares} / ${K}.0`),
      },
    }),
    capabilities,
  };
  const parts = M <= fewRows ? 1 : innerParts(plan);
  const operands = [a.leaf, ...products.map(({ b }) => b.leaf), ...parameters];
  if (parts === 1)
    return {
      first: {
        shader: M <= fewRows ? rowsShader(plan) : tilesShader(plan),
        values: [...operands, ...extra, target],
      },
      partBytes: 0,
    };
  const size = sizeOf(out);
  const partial: MatmulPlan = {
    ...plan,
    write: (at, accumulated) =>
      `{ ${accumulated.map((code, p) => `o[(${p * parts}u + part) * ${size}u + ${at}] = ${code};`).join(' ')} }`,
    shader: (name, types, rest) => {
      const whole = plan.shader(`${name}, ${parts} parts`, types, rest);
      const kept = whole.bindings.slice(0, 1 + products.length);
      return { ...whole, bindings: [...kept, { name: 'o', element: 'f32', write: true }] };
    },
  };
  return {
    first: { shader: tilesShader(partial, parts), values: [...operands, target] },
    join: { shader: joinShader(plan, parts, size), values: [...extra, target] },
    partBytes: 4 * products.length * parts * size,
  };
}

/** Adds the parts of products, and ends as the products would have. */
function joinShader(plan: MatmulPlan, parts: number, size: number): Shader {
  const workgroup = 64;
  const { bindings } = plan.shader('', { a: '', b: '' }, { workgroup, workgroups: 0, body: '' });
  const sums = plan.bs.map((_, p) => `sum${p}`);
  return {
    label: 'matmul: sum of parts',
    workgroup,
    workgroups: Math.ceil(size / workgroup),
    bindings: [{ name: 'parts', element: 'f32', write: false }, ...bindings.slice(1 + plan.bs.length)],
    body: `let e = number * ${workgroup}u + lane;
  if (e >= ${size}u) { return; }
  ${sums.map((sum) => `var ${sum} = 0.0;`).join(' ')}
  for (var p = 0u; p < ${parts}u; p++) { ${sums.map((sum, p) => `${sum} += parts[(${p * parts}u + p) * ${size}u + e];`).join(' ')} }
  ${plan.write('e', sums)}`,
  };
}

function operand(name: string, region: Region, { leaf, strides, offset }: StridedView): Operand {
  const dtype = region.types[leaf]!.dtype as Operand['dtype'];
  const [row, column] = strides.slice(-2) as [number, number];
  return {
    name,
    start: `${name}Start`,
    dtype,
    row,
    column,
    offset,
    batchAlignment: Math.min(...strides.slice(0, -2).map((stride) => (stride === 0 ? 64 : stride & -stride)), 64),
    read: isPacked(dtype) ? (i) => packedElement(dtype as 'f16' | 'bf16', name, i) : (i) => `${name}[${i}]`,
  };
}

/** Start of a matrix of a batch in the buffer of an operand. */
function batchStart(view: StridedView, operandShape: readonly number[], batch: readonly number[]): string {
  const strides = view.strides.slice(0, -2);
  const missing = batch.length - strides.length;
  let rest = 'batch';
  const terms = [`${view.offset}u`];
  for (let axis = batch.length - 1; axis >= 0; axis--) {
    const extent = batch[axis]!;
    const own = axis - missing;
    if (own >= 0 && operandShape[own] !== 1 && strides[own] !== 0)
      terms.push(`((${rest}) % ${extent}u) * ${strides[own]}u`);
    rest = `(${rest}) / ${extent}u`;
  }
  return terms.join(' + ');
}
