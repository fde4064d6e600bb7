import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkedDocuments } from './documents.ts';
import { blocksWithoutSource, shownBlocks, sourceOf } from './shown-code.ts';
import { readManifest, repositoryRoot } from './workspace.ts';

const documents = checkedDocuments().map((path) => ({ path, text: readFileSync(join(repositoryRoot, path), 'utf8') }));
const blocks = documents.flatMap(({ path, text }) => shownBlocks(text).map((block) => ({ path, ...block })));

describe('documents', () => {
  // Mend: npx tsx apps/repo-checks/src/write-documents.ts
  test.each(blocks)('$path shows the $kind of $source as it is', (block) => {
    expect(block.shown).toBe(sourceOf(block));
  });

  test.each(documents)('$path shows no TypeScript that nobody runs', ({ text }) => {
    expect(blocksWithoutSource(text)).toEqual([]);
  });

  test.each(documents)('links of $path to files lead to files', ({ path, text }) => {
    const targets = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, target]) => target!);
    expect(targets.filter((target) => !existsSync(join(repositoryRoot, dirname(path), target)))).toEqual([]);
  });

  test.each(documents)('scripts that $path names exist', ({ text }) => {
    const scripts = Object.keys(readManifest(repositoryRoot).scripts ?? {});
    const commands = [...text.matchAll(/^(?:pnpm|npm) (?:run )?([\w:]+)/gm)].map(([, name]) => name!);
    const known = ['install', 'vitest', 'tessera', 'changeset', ...scripts];
    expect(commands.filter((name) => !known.includes(name))).toEqual([]);
  });
});

describe('a region', () => {
  test('is taken without markers and without the indentation that all lines share', () => {
    const source = sourceOf({
      kind: 'code',
      source: 'apps/example-custom-attention/src/successor-memory.ts#equations',
    });
    expect(source).toMatch(/^step\(\{ S \}/);
    expect(source).not.toContain('#');
  });

  test('that a file does not have is named', () => {
    expect(() => sourceOf({ kind: 'code', source: 'apps/repo-checks/src/documents.ts#missing' })).toThrow(
      'apps/repo-checks/src/documents.ts#missing: the file has no such region.',
    );
  });

  test('of Markdown goes up to the comment that closes it', () => {
    const [block, ...others] = shownBlocks(
      '<!-- markdown: tables.ts -->\n\n| a |\n\ntext\n\n<!-- /markdown -->\n\nmore\n',
    );
    expect(block).toMatchObject({ kind: 'markdown', source: 'tables.ts', shown: '| a |\n\ntext\n' });
    expect(others).toEqual([]);
  });

  test('a block of TypeScript without a source is found', () => {
    expect(blocksWithoutSource('```ts\nconst pasted = 1;\n```\n')).toEqual(['const pasted = 1;']);
  });
});
