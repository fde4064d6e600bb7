import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { build, preview } from 'vite';
import type { Plugin } from 'vite';
import { untrustedHost } from './launch-browser.ts';

/** What a browser refused to do because the content security policy of a page or worker forbids it. */
interface Violation {
  readonly document: string;
  readonly directive: string;
  readonly blocked: string;
}

/** A built app, served as `vite preview` serves it. */
export interface ServedApp {
  readonly address: string;
  /** The folder with the build. */
  readonly folder: string;
  /** What browsers reported so far: of pages and, which no event of the page tells, of workers. */
  readonly violations: readonly Violation[];
  close(): Promise<void>;
}

const reportsPath = '/violations';

/**
 * Builds an app into a folder of its own and serves that.
 * @param policy - the content security policy of every answer, with a place to report violations to added
 */
export async function serveApp(root: string, policy: string): Promise<ServedApp> {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-page-'));
  const violations: Violation[] = [];
  const shared = { root, configFile: join(root, 'vite.config.ts'), logLevel: 'error', clearScreen: false } as const;
  await build({ ...shared, build: { outDir: folder, emptyOutDir: true } });
  const server = await preview({
    ...shared,
    build: { outDir: folder },
    plugins: [collectViolations(violations)],
    preview: {
      host: '127.0.0.1',
      port: 0,
      allowedHosts: [untrustedHost],
      headers: { 'Content-Security-Policy': `${policy}; report-uri ${reportsPath}` },
    },
  });
  return {
    address: server.resolvedUrls!.local[0]!,
    folder,
    violations,
    async close() {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function collectViolations(violations: Violation[]): Plugin {
  return {
    name: 'collect-violations',
    configurePreviewServer({ middlewares }) {
      middlewares.use(reportsPath, (request: IncomingMessage, response: ServerResponse, next) => {
        readViolation(request).then((violation) => {
          violations.push(violation);
          response.writeHead(204).end();
        }, next);
      });
    },
  };
}

async function readViolation(request: IncomingMessage): Promise<Violation> {
  const { 'csp-report': report } = (await json(request)) as { 'csp-report': Readonly<Record<string, string>> };
  return {
    document: report['document-uri']!,
    directive: report['effective-directive']!,
    blocked: report['blocked-uri']!,
  };
}
