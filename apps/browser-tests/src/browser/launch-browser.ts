import { join } from 'node:path';
import { unpackArchives } from '@tessera/software-gpu/unpack-archives';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';

/** What a page of the browser finds. */
export interface BrowserOptions {
  /** `software`: a WebGPU adapter in software. `none`: WebGPU that finds no adapter. */
  readonly webgpu: 'software' | 'none';
}

/** A name of this machine that browsers do not trust as they trust `localhost`: its pages are no secure context. */
export const untrustedHost = 'page.test';

const webgpuFlags = {
  software: [
    '--enable-unsafe-webgpu',
    '--use-webgpu-adapter=swiftshader',
    '--enable-features=Vulkan',
    '--ignore-gpu-blocklist',
    // The driver takes many times as long for a shader that Dawn makes clear its workgroup memory. No kernel counts on it: the
    // tests in Node are without, too.
    '--enable-dawn-features=disable_workgroup_init',
  ],
  none: ['--disable-gpu'],
} as const;

/** The same letters on every machine, one without fonts included. */
const fontsConfig = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="relative">fonts-cache</cachedir>
</fontconfig>
`;

/**
 * Starts a headless Chromium that comes from npm with all that it needs, on Linux on x64. `TESSERA_CHROMIUM` names another
 * one, for a machine of another kind.
 * @throws with what is missing when there is no browser or it does not start: tests are never skipped for it
 */
export async function launchBrowser({ webgpu }: BrowserOptions): Promise<Browser> {
  const own = process.env['TESSERA_CHROMIUM'];
  const { program, env } = own === undefined ? await unpackBrowser() : { program: own, env: {} };
  try {
    return await chromium.launch({
      executablePath: program,
      env: { ...process.env, ...env },
      args: [...webgpuFlags[webgpu], `--host-resolver-rules=MAP ${untrustedHost} 127.0.0.1`],
      // The sandbox wants rights that root and most containers do not have, and only pages of this repository are opened.
      chromiumSandbox: false,
    });
  } catch (cause) {
    throw new Error(`The headless browser ${program} did not start: ${String(cause)}`, { cause });
  }
}

async function unpackBrowser(): Promise<{ program: string; env: Record<string, string> }> {
  const machine = `${process.platform} ${process.arch}`;
  if (machine !== 'linux x64')
    throw new Error(
      `The browser that these tests bring along is for linux x64, and this is ${machine}. Set TESSERA_CHROMIUM to the program of a Chromium, version 120 or later.`,
    );
  const folder = await unpackArchives({
    label: 'chromium',
    // The driver stands beside the program; al2023 holds libraries that a bare system lacks.
    archives: ['chromium.br', 'swiftshader.tar.br', 'al2023.tar.br', 'fonts.tar.br'],
    texts: { 'fonts.conf': fontsConfig },
  });
  const libraries = [join(folder, 'lib'), process.env['LD_LIBRARY_PATH']].filter((path) => path).join(':');
  return {
    program: join(folder, 'chromium'),
    env: { LD_LIBRARY_PATH: libraries, FONTCONFIG_FILE: join(folder, 'fonts.conf') },
  };
}
