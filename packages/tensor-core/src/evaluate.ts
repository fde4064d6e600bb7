import { CpuDevice } from './cpu/cpu-device.ts';
import type { Device } from './device.ts';
import type { HostArray } from './dtype.ts';
import { TesseraError } from './errors.ts';
import { graphOf } from './graph.ts';
import type { Tensor } from './tensor.ts';

let defaultCpu: CpuDevice | undefined;

/** The device that holds the constants below `tensors`; the CPU when there is none. */
export function deviceOf(tensors: readonly Tensor[]): Device {
  const devices = new Set<Device>();
  const seen = new Set<Tensor>();
  const stack = [...tensors];
  while (stack.length > 0) {
    const { source } = stack.pop()!;
    if (source.kind === 'resident') devices.add(source.device);
    if (source.kind !== 'node') continue;
    for (const input of source.node.inputs)
      if (!seen.has(input)) {
        seen.add(input);
        stack.push(input);
      }
  }
  if (devices.size > 1)
    throw new TesseraError(
      'TWO_DEVICES',
      `The value depends on tensors of ${devices.size} devices. Read one of them and upload it to the other.`,
    );
  const [device] = devices;
  return device ?? (defaultCpu ??= new CpuDevice());
}

/** Computes recorded tensors together and keeps their values on the device. They stay what they are, only no longer deferred. */
export async function evaluate(tensors: readonly Tensor[], device: Device = deviceOf(tensors)): Promise<void> {
  const pending = [...new Set(tensors)].filter((tensor) => tensor.source.kind === 'node');
  if (pending.length === 0) return;
  const program = await device.compile(graphOf(pending, []));
  const results = program.run([]);
  results.forEach((result, index) => {
    // The value moves into the tensor that recorded it.
    pending[index]!.source = result.source;
  });
  program.dispose();
}

/** The value of a recorded tensor as a tensor of its own. The recorded one stays recorded, and takes no memory. */
export async function materialize(tensor: Tensor, device: Device = deviceOf([tensor])): Promise<Tensor> {
  const program = await device.compile(graphOf([tensor], []));
  try {
    return program.run([])[0]!;
  } finally {
    program.dispose();
  }
}

/** Reads the elements of a tensor, row-major, as its element type. Computes it if it is still recorded. */
export async function read(tensor: Tensor, device?: Device): Promise<HostArray> {
  if (tensor.source.kind === 'host' && !device) return tensor.source.data.slice();
  if (tensor.source.kind === 'host') {
    using uploaded = device!.upload(tensor.source.data, tensor);
    return await device!.read(uploaded);
  }
  await evaluate([tensor], device ?? deviceOf([tensor]));
  const { source } = tensor;
  if (source.kind !== 'resident')
    throw new TesseraError(
      'DISPOSED',
      'read: the tensor was disposed, or it is an input of a graph that is still being traced.',
    );
  return source.device.read(tensor);
}

/** Reads a tensor of one element as a number. */
export async function readNumber(tensor: Tensor, device?: Device): Promise<number> {
  const data = await read(tensor, device);
  if (data.length !== 1)
    throw new TesseraError('SHAPE', `readNumber: the tensor has ${data.length} elements, expected 1.`);
  return data[0]!;
}
