/**
 * A device that notes the labels of the pipelines that are made on it. With `limits` it pretends to them: shaders are then
 * checked as modules only, since a pipeline has to keep to the limits that the device has.
 */
export function observedDevice(
  device: GPUDevice,
  labels: Set<string>,
  limits?: Readonly<Record<string, number>>,
): GPUDevice {
  const pretended: Record<string, number> = {};
  for (const name in device.limits)
    pretended[name] = limits?.[name] ?? (device.limits as unknown as Record<string, number>)[name]!;
  const createComputePipelineAsync = async (descriptor: GPUComputePipelineDescriptor): Promise<GPUComputePipeline> => {
    labels.add(descriptor.label ?? '');
    if (!limits) return device.createComputePipelineAsync(descriptor);
    const { messages } = await descriptor.compute.module.getCompilationInfo();
    const error = messages.find(({ type }) => type === 'error');
    if (error) throw new Error(`${error.lineNum}:${error.linePos} ${error.message}`);
    return {} as GPUComputePipeline;
  };
  return new Proxy(device, {
    get(target, key) {
      if (key === 'limits') return pretended;
      if (key === 'createComputePipelineAsync') return createComputePipelineAsync;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
