import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './workspace.ts';

/**
 * A block of a document with what it must equal. In Markdown a comment before it names it: before a fence
 * `<!-- code: path/of/file.ts#region -->` for a region of a file (without `#region`, the whole file), and
 * `<!-- output: path/of/script.ts -->` for what a script prints; `<!-- markdown: path/of/script.ts -->` for Markdown that a script
 * prints, up to `<!-- /markdown -->`.
 */
export interface ShownBlock {
  readonly kind: 'code' | 'output' | 'markdown';
  /** Path in the repository, for code with `#` and the region. */
  readonly source: string;
  readonly shown: string;
  /** The whole block in the document, from its comment to what closes it. */
  readonly whole: string;
  /** What follows {@link ShownBlock.shown} in it. */
  readonly closing: string;
}

const block =
  /<!-- (code|output): (\S+) -->\n\n```[a-z]*\n([\s\S]*?)(```)|<!-- (markdown): (\S+) -->\n\n([\s\S]*?)(\n<!-- \/markdown -->)/g;

/** The blocks of a document that name their source. */
export function shownBlocks(markdown: string): readonly ShownBlock[] {
  return [...markdown.matchAll(block)].map(([whole, ...groups]) => {
    const [kind, source, shown, closing] = groups.filter((group) => group !== undefined) as [
      string,
      string,
      string,
      string,
    ];
    return { kind: kind as ShownBlock['kind'], source, shown, whole, closing };
  });
}

/** First lines of TypeScript blocks that name no source. */
export function blocksWithoutSource(markdown: string): readonly string[] {
  const rest = markdown.replace(block, '');
  return [...rest.matchAll(/```(?:ts|js|tsx|typescript|javascript)\n(.*)/g)].map(([, line]) => line!);
}

/** What a block must show. */
export function sourceOf({ kind, source }: Pick<ShownBlock, 'kind' | 'source'>): string {
  return kind === 'code' ? regionOf(source) : outputOf(source);
}

const marker = /^ *\/\/ #(end)?region\b.*\n/gm;

function regionOf(source: string): string {
  const [path, region] = source.split('#') as [string, string?];
  const text = readFileSync(join(repositoryRoot, path), 'utf8');
  const body = region === undefined ? text : between(text, region, source);
  const lines = body.replace(marker, '').split('\n');
  const indents = lines.filter((line) => line !== '').map((line) => line.length - line.trimStart().length);
  const indent = Math.min(...indents);
  return lines.map((line) => line.slice(indent)).join('\n');
}

function between(text: string, region: string, source: string): string {
  const start = new RegExp(`^ *// #region ${region}\\n`, 'm').exec(text);
  const end = new RegExp(`^ *// #endregion ${region}\\n`, 'm').exec(text);
  if (!start || !end || end.index < start.index) throw new Error(`${source}: the file has no such region.`);
  return text.slice(start.index + start[0].length, end.index);
}

function outputOf(path: string): string {
  const printed = execFileSync(process.execPath, ['--import', 'tsx', '--conditions=@tessera/source', path], {
    cwd: repositoryRoot,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
    timeout: 60_000,
  });
  return `${printed.trimEnd()}\n`;
}
