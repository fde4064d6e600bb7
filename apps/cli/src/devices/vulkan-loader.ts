/** False where WebGPU would go through Vulkan and there is none: far sooner found out than by asking for an adapter. */
export function hasVulkanLoader(): boolean {
  if (process.platform !== 'linux') return true;
  try {
    process.dlopen({ exports: {} }, 'libvulkan.so.1');
  } catch (error) {
    // The loader is no addon of Node, which complains of that after it was found.
    return !String(error).includes('cannot open shared object file');
  }
  return true;
}
