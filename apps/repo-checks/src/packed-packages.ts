import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot, workspacePackages, type Manifest } from './workspace.ts';

export interface PackedPackage {
  /** The manifest as it would be published: no `workspace:`, no `catalog:`. */
  readonly manifest: Manifest;
  readonly tarball: string;
}

/** Packs every package that is not private, as publishing would, and hands them to `use` while the tarballs exist. */
export async function withPackedPackages(
  use: (packages: ReadonlyMap<string, PackedPackage>, scratch: string) => Promise<void>,
): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'tessera-pack-'));
  try {
    const published = [...workspacePackages().values()].filter(({ manifest }) => manifest.private !== true);
    const filters = published.flatMap(({ manifest }) => ['--filter', manifest.name]);
    const output = execFileSync('pnpm', ['-r', ...filters, 'pack', '--json', '--pack-destination', scratch], {
      cwd: repositoryRoot,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const tarballs = new Map(
      (JSON.parse(output) as { name: string; filename: string }[]).map(({ name, filename }) => [name, filename]),
    );
    const packed = published.map(({ manifest: { name } }): PackedPackage => {
      const tarball = tarballs.get(name);
      if (tarball === undefined) throw new Error(`pnpm pack made no tarball of ${name}.`);
      const manifest = execFileSync('tar', ['-xzOf', tarball, 'package/package.json'], { encoding: 'utf8' });
      return { tarball, manifest: JSON.parse(manifest) as Manifest };
    });
    await use(new Map(packed.map((each) => [each.manifest.name, each])), scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
