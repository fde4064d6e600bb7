import { describe, expect, test } from 'vitest';
import { findCycle } from './find-cycle.ts';
import { readManifest, repositoryRoot, runtimeDependencies, workspacePackages } from './workspace.ts';

const packages = workspacePackages();

describe('findCycle', () => {
  test('a diamond has no cycle', () => {
    const edges = new Map([
      ['a', ['b', 'c']],
      ['b', ['d']],
      ['c', ['d']],
    ]);
    expect(findCycle(edges)).toBeUndefined();
  });

  test('a cycle is named from its first package back to it', () => {
    const edges = new Map([
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['d', 'b']],
    ]);
    expect(findCycle(edges)).toEqual(['b', 'c', 'b']);
  });
});

describe('the workspace', () => {
  test('packages depend on each other without a cycle, tests included', () => {
    const edges = [...packages].map(([name, { manifest }]) => {
      const names = [...runtimeDependencies(manifest), ...Object.keys(manifest.devDependencies ?? {})];
      return [name, names.filter((each) => packages.has(each))] as const;
    });
    expect(findCycle(new Map(edges))).toBeUndefined();
  });

  test('a published package depends on published packages only', () => {
    const wrong = [...packages.values()]
      .filter(({ manifest }) => manifest.private !== true)
      .flatMap(({ manifest }) => runtimeDependencies(manifest).map((name) => ({ from: manifest.name, to: name })))
      .filter(({ to }) => packages.get(to)?.manifest.private === true);
    expect(wrong).toEqual([]);
  });

  test('packages know each other by `workspace:^`', () => {
    const wrong = [...packages.values()].flatMap(({ manifest }) =>
      Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
        .filter(([name, range]) => packages.has(name) && range !== 'workspace:^')
        .map(([name, range]) => `${manifest.name}: ${name}@${range}`),
    );
    expect(wrong).toEqual([]);
  });

  test('the set-up script brings the pnpm that `packageManager` names', () => {
    const { packageManager, scripts } = readManifest(repositoryRoot);
    expect(scripts?.['setup']).toContain(` ${packageManager} install --frozen-lockfile`);
  });
});
