import { unpackArchives } from './unpack-archives.ts';

/** A folder with `libvulkan.so.1`, `libvk_swiftshader.so` and its description. */
export function unpackSwiftShader(): Promise<string> {
  return unpackArchives({ label: 'swiftshader', archives: ['swiftshader.tar.br'] });
}
