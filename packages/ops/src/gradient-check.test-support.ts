import type { Graph, ScanAttributes, Tensor } from '@tessera/tensor-core';
import {
  CpuDevice,
  add,
  apply,
  fromHost,
  mul,
  pullBack,
  replay,
  scanOp,
  sizeOf,
  sum,
  trace,
  zeros,
} from '@tessera/tensor-core';

/** A function of tensors whose gradient is compared with what its values do. */
export interface GradientCase {
  readonly name: string;
  /** Constants of the host. Floats are doubles, and the function is differentiated by each of them. */
  readonly inputs: readonly Tensor[];
  readonly build: (...inputs: Tensor[]) => readonly Tensor[];
  /** How far an input is moved. @defaultValue 1e-4 */
  readonly step?: number;
  /** Largest error of a derivative, relative to 1 + its size. @defaultValue 1e-7 */
  readonly tolerance?: number;
  /** True where the gradient of the definition is none, and the rule by hand is there for that. @defaultValue false */
  readonly ruleOnly?: boolean;
}

/** Numbers in (low, high) in double precision, the same at every run. */
export function draws(shape: readonly number[], seed = 1, low = -1, high = 1): Tensor {
  let state = seed * 7919 + 17;
  const values = Float64Array.from({ length: sizeOf(shape) }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return low + (state / 2_147_483_647) * (high - low);
  });
  return fromHost(values, shape);
}

const byDefinition = new CpuDevice({ precision: 'f64', definitionsOnly: true, poison: true });
const byKernel = new CpuDevice({ precision: 'f64', poison: true });
/** Elements of an input that are moved alone. */
const alone = 3;
/** Largest difference between two ways to one gradient, relative to its largest element. */
const sameTolerance = 1e-9;

/**
 * What is wrong with the gradient of a weighted sum of all outputs. Three ways to it have to agree in every element: rules over
 * kernels, rules over definitions, and primitives alone, which no rule by hand has a part in. For each input the result is set
 * against differences in double precision, along one direction in which all of its elements move and for a few of them alone.
 */
export async function wrongGradients(one: GradientCase): Promise<string[]> {
  const { inputs, build, step = 1e-4, tolerance = 1e-7, ruleOnly = false } = one;
  const floats = inputs.flatMap((input, index) => (input.dtype === 'f32' ? [index] : []));
  const graph = gradientGraph(one);
  const gradients = await readAll(byDefinition, graph, inputs);
  const wrong = unlike('kernels', await readAll(byKernel, graph, inputs), gradients);
  if (!ruleOnly) {
    const primitive = await readAll(byDefinition, gradientGraph(one, true), inputs);
    wrong.push(...unlike('primitives alone', primitive, gradients));
  }
  const loss = byDefinition.prepare(trace((...x) => [weighted(build(...x))], inputs));
  const at = async (values: readonly Tensor[]): Promise<number> => (await byDefinition.read(loss.run(values)[0]!))[0]!;
  for (const [position, index] of floats.entries()) {
    const gradient = gradients[position]!;
    const { data } = inputs[index]!.source as { data: Float64Array };
    const along = async (direction: (place: number) => number): Promise<number> => {
      const moved = (by: number): Promise<number> =>
        at(
          inputs.with(
            index,
            fromHost(
              data.map((x, place) => x + by * direction(place)),
              inputs[index]!.shape,
            ),
          ),
        );
      const difference = async (by: number): Promise<number> => (await moved(by)) - (await moved(-by));
      // The errors of two steps, of which one is twice the other, cancel to fourth order.
      return (8 * (await difference(step)) - (await difference(2 * step))) / (12 * step);
    };
    const check = async (what: string, got: number, direction: (place: number) => number): Promise<void> => {
      const expected = await along(direction);
      if (!(Math.abs(got - expected) <= tolerance * (1 + Math.abs(expected))))
        wrong.push(`input ${index}, ${what}: ${got}, differences give ${expected}`);
    };
    if (data.length === 0) continue;
    const direction = (draws([data.length], index + 3).source as { data: Float64Array }).data;
    await check('in one direction', gradient.reduce((total, g, place) => total + g * direction[place]!, 0), (place) => direction[place]!); // prettier-ignore
    for (const place of placesOf(gradient))
      await check(`element ${place}`, gradient[place]!, (other) => Number(other === place));
  }
  return wrong;
}

/** The gradient of a case as a case of its own: what is found wrong with it is wrong with gradients of gradients. */
export function nested(one: GradientCase): GradientCase {
  return { ...one, name: `${one.name}, twice`, build: (...x) => gradientsOf(one.build(...x), x) };
}

/** Ops that a case records, on the way there and on the way back. */
export function opsOf(one: GradientCase): Set<string> {
  const ids = new Set<string>();
  const visit = ({ nodes }: Graph): void => {
    for (const { op, attributes } of nodes) {
      ids.add(op.id);
      for (const inner of Object.values(attributes)) if (isGraph(inner)) visit(inner);
    }
  };
  visit(gradientGraph(one));
  visit(trace((...x) => one.build(...x), one.inputs));
  return ids;
}

function gradientGraph({ build, inputs }: GradientCase, primitive = false): Graph {
  const graph = trace((...x) => build(...x), inputs);
  return trace((...x) => gradientsOf(replay(primitive ? primitivesOf(graph) : graph, x), x), inputs);
}

/** Cotangents of the float inputs for random ones of the float outputs. */
function gradientsOf(outputs: readonly Tensor[], inputs: readonly Tensor[]): Tensor[] {
  const floats = inputs.filter(({ dtype }) => dtype === 'f32');
  const made = outputs.filter(({ dtype }) => dtype === 'f32');
  const weights = made.map(({ shape }, index) => draws(shape, 31 + index));
  return pullBack(made, weights, floats).map((each, index) => each ?? zeros(floats[index]!.shape));
}

function weighted(outputs: readonly Tensor[]): Tensor {
  return outputs
    .filter(({ dtype }) => dtype === 'f32')
    .map((output, index) => sum(mul(output, draws(output.shape, 31 + index))))
    .reduce(add);
}

/** The graph with every definition in place of its op, in the bodies of loops too. */
function primitivesOf(graph: Graph): Graph {
  return trace(
    (...x) =>
      replay(graph, x, ({ op, attributes }, inputs) => {
        if (op.id === scanOp.id) {
          const loop = attributes as ScanAttributes;
          return apply(scanOp, inputs, { ...loop, body: primitivesOf(loop.body) });
        }
        if (!op.definition) return apply(op, inputs, attributes);
        return replay(primitivesOf(trace((...y) => op.definition!(y, attributes), inputs)), inputs);
      }),
    graph.types.slice(0, graph.inputs),
  );
}

function isGraph(value: unknown): value is Graph {
  return typeof value === 'object' && value !== null && 'nodes' in value;
}

async function readAll(device: CpuDevice, graph: Graph, inputs: readonly Tensor[]): Promise<Float64Array[]> {
  const made = device.prepare(graph).run(inputs);
  return Promise.all(made.map(async (each) => (await device.read(each)) as Float64Array));
}

function unlike(way: string, got: readonly Float64Array[], expected: readonly Float64Array[]): string[] {
  return expected.flatMap((values, index) => {
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
    const at = values.findIndex((value, place) => !(Math.abs(value - got[index]![place]!) <= sameTolerance * largest));
    return at < 0 && got[index]!.length === values.length
      ? []
      : [`by ${way}, gradient ${index} at ${at}: ${got[index]![at]}, by definitions ${values[at]}`];
  });
}

/** The largest element and some others. */
function placesOf(gradient: Float64Array): Set<number> {
  const size = gradient.length;
  const largest = gradient.reduce(
    (best, value, place) => (Math.abs(value) > Math.abs(gradient[best]!) ? place : best),
    0,
  );
  const others = Array.from({ length: alone - 1 }, (_, i) => Math.floor(((2 * i + 1) * size) / (2 * alone)));
  return new Set([largest, ...others]);
}
