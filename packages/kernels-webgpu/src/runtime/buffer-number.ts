let buffersSeen = 0;
const numbers = new WeakMap<GPUBuffer, number>();

/** A number that no other buffer has, the greater the later it was first asked for. */
export function numberOf(buffer: GPUBuffer): number {
  let number = numbers.get(buffer);
  if (number === undefined) numbers.set(buffer, (number = buffersSeen++));
  return number;
}
