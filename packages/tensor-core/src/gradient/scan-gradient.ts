import { bytesPerElement } from '../dtype.ts';
import type { GradientCall } from '../op.ts';
import { add, maximum, minimum, mul, sub } from '../primitives/elementwise.ts';
import { iota, zeros } from '../primitives/index-ops.ts';
import { scan, scanOp } from '../primitives/scan.ts';
import type { ScanAttributes } from '../primitives/scan.ts';
import { flip, pad, reshape, slice } from '../primitives/view.ts';
import { replay } from '../graph.ts';
import { apply, asTensor } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';
import { isFloat } from './cotangents.ts';
import type { PullBack } from './gradient-rule.ts';

/** Carries of all steps are kept up to so many bytes; of longer loops those at the start of each chunk. */
const mostKept = 2 ** 24;

/** A stretch of a loop. Cotangents only of floats; the lists are as long as those of values, with holes. */
interface Stretch {
  readonly attributes: ScanAttributes;
  readonly count: Tensor | undefined;
  readonly carries: readonly Tensor[];
  readonly sequences: readonly Tensor[];
  readonly captured: readonly Tensor[];
  /** Which captured values have a cotangent: floats that somebody asks about. */
  readonly flowing: readonly boolean[];
  /** Of the carries after the last step. */
  readonly dCarries: readonly (Tensor | undefined)[];
  readonly dOutputs: readonly (Tensor | undefined)[];
}

interface Flows {
  readonly carries: readonly (Tensor | undefined)[];
  readonly sequences: readonly (Tensor | undefined)[];
  readonly captured: readonly (Tensor | undefined)[];
}

/**
 * Gradient of a loop: a loop that runs the other way. It needs the carries before each step; they are computed again, chunk by
 * chunk where keeping all would take much memory, from those at the start of each chunk.
 * @see Chen et al. 2016, arXiv:1604.06174 (recomputing from √T checkpoints).
 */
export function scanGradient(
  { inputs, cotangents, attributes }: GradientCall<ScanAttributes>,
  pullBack: PullBack,
  needed: readonly boolean[],
): readonly (Tensor | undefined)[] {
  const { carries, sequences, length, counted, reverse } = attributes;
  const first = counted ? 1 : 0;
  const captured = inputs.slice(first + carries + sequences);
  const stretch: Stretch = {
    attributes,
    count: counted ? inputs[0]! : undefined,
    carries: inputs.slice(first, first + carries),
    sequences: inputs.slice(first + carries, first + carries + sequences),
    captured,
    flowing: captured.map((each, i) => isFloat(each) && needed[first + carries + sequences + i]!),
    dCarries: cotangents.slice(0, carries),
    dOutputs: cotangents.slice(carries),
  };
  const bytes = stretch.carries.reduce((total, { size, dtype }) => total + size * bytesPerElement(dtype), 0);
  const small = length * bytes <= mostKept || length < 4 || (reverse && counted);
  const flows = small ? throughSteps(stretch, pullBack) : throughChunks(stretch, pullBack);
  return [...(counted ? [undefined] : []), ...flows.carries, ...flows.sequences, ...flows.captured];
}

/** Keeps the carry before every step, then walks back. */
function throughSteps(stretch: Stretch, pullBack: PullBack): Flows {
  const { attributes, count, carries, sequences, captured, flowing, dCarries, dOutputs } = stretch;
  const { body, length, reverse } = attributes;
  const way = { length, ...(count && { count }) };
  const before = scan({
    carry: carries,
    sequences,
    ...way,
    reverse,
    step: (carry, element) => ({
      carry: replay(body, [...carry, ...element, ...captured]).slice(0, carries.length),
      output: carry,
    }),
  }).outputs;
  const zero = (like: Tensor): Tensor => zeros(like.shape);
  const floats = (list: readonly Tensor[]): Tensor[] => list.filter(isFloat);
  const read = captured.filter((_, i) => flowing[i]);
  const { carry, outputs } = scan({
    carry: {
      d: carries.flatMap((c, i) => (isFloat(c) ? [dCarries[i] ?? zero(c)] : [])),
      captured: read.map(zero),
    },
    sequences: { before, element: sequences, d: dOutputs.filter((d) => d !== undefined) },
    ...way,
    reverse: !reverse,
    step: (state, { before: own, element, d }) => {
      const results = replay(body, [...own, ...element, ...captured]);
      let next = 0;
      const ofCarries = own.map((c) => (isFloat(c) ? state.d[next++] : undefined));
      next = 0;
      const ofOutputs = dOutputs.map((given) => (given ? d[next++] : undefined));
      const leaves = [...floats(own), ...floats(element), ...read];
      const pulled = pullBack(results, [...ofCarries, ...ofOutputs], leaves).map((c, i) => c ?? zero(leaves[i]!));
      const mine = state.d.length;
      const elements = floats(element).length;
      return {
        carry: {
          d: pulled.slice(0, mine),
          captured: state.captured.map((sum, i) => add(sum, pulled[mine + elements + i]!)),
        },
        output: pulled.slice(mine, mine + elements),
      };
    },
  });
  return {
    carries: spread(carries, carry.d),
    sequences: spread(sequences, outputs),
    captured: place(flowing, carry.captured),
  };
}

/** Values at the places of floats. */
function spread(like: readonly Tensor[], values: readonly Tensor[]): (Tensor | undefined)[] {
  return place(like.map(isFloat), values);
}

/** Values at their places, holes elsewhere. */
function place(places: readonly boolean[], values: readonly Tensor[]): (Tensor | undefined)[] {
  let next = 0;
  return places.map((is) => (is ? values[next++] : undefined));
}

/** Keeps the carry before every chunk of about √T steps, and walks back chunk by chunk. */
function throughChunks(stretch: Stretch, pullBack: PullBack): Flows {
  const { attributes, count, carries, captured, flowing, dCarries } = stretch;
  const { body, length: T, reverse } = attributes;
  const length = Math.ceil(Math.sqrt(T));
  const chunks = Math.ceil(T / length);
  // Backwards is forwards over what is turned round.
  const cut = (x: Tensor): Tensor =>
    reshape(pad(reverse ? flip(x, 0) : x, 0, 0, chunks * length - T), [chunks, length, ...x.shape.slice(1)]);
  const join = (x: Tensor): Tensor => {
    const whole = slice(reshape(x, [chunks * length, ...x.shape.slice(2)]), 0, 0, T);
    return reverse ? flip(whole, 0) : whole;
  };
  const partial = count !== undefined || chunks * length !== T;
  const countIn = (chunk: Tensor): Tensor =>
    maximum(minimum(sub(count ?? asTensor(T, 'i32'), mul(chunk, length)), length), 0);
  const inner: ScanAttributes = { ...attributes, length, reverse: false, counted: partial };
  const sequences = stretch.sequences.map(cut);
  const number = iota([chunks]);
  const starts = scan({
    carry: carries,
    sequences: { sequences, number },
    step: (carry, element) => ({
      carry: apply(
        scanOp,
        [...(partial ? [countIn(element.number)] : []), ...carry, ...element.sequences, ...captured],
        inner,
      ).slice(0, carries.length),
      output: carry,
    }),
  }).outputs;
  const zero = (like: Tensor): Tensor => zeros(like.shape);
  const dOutputs = stretch.dOutputs.map((d) => d && cut(d));
  const floats = carries.filter(isFloat);
  const { carry, outputs } = scan({
    carry: {
      d: carries.flatMap((c, i) => (isFloat(c) ? [dCarries[i] ?? zero(c)] : [])),
      captured: captured.filter((_, i) => flowing[i]).map(zero),
    },
    sequences: { starts, sequences, number, d: dOutputs.filter((d) => d !== undefined) },
    reverse: true,
    step: (state, element) => {
      let next = 0;
      const flows = throughSteps(
        {
          attributes: { ...inner, body },
          count: partial ? countIn(element.number) : undefined,
          carries: element.starts,
          sequences: element.sequences,
          captured,
          flowing,
          dCarries: spread(carries, state.d),
          dOutputs: dOutputs.map((d) => (d ? element.d[next++] : undefined)),
        },
        pullBack,
      );
      const given = (list: readonly (Tensor | undefined)[]): Tensor[] => list.filter((each) => each !== undefined);
      return {
        carry: {
          d: given(flows.carries).slice(0, floats.length),
          captured: given(flows.captured).map((d, i) => add(state.captured[i]!, d)),
        },
        output: given(flows.sequences),
      };
    },
  });
  return {
    carries: spread(carries, carry.d),
    sequences: spread(sequences, outputs.map(join)),
    captured: place(flowing, carry.captured),
  };
}
