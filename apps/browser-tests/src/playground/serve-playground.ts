import { fileURLToPath } from 'node:url';
import { contentSecurityPolicy } from '@tessera/playground/content-security-policy';
import type { ServedApp } from '../browser/serve-app.ts';
import { serveApp } from '../browser/serve-app.ts';

/** The playground, built and served under its own policy. */
export function servePlayground(): Promise<ServedApp> {
  return serveApp(fileURLToPath(new URL('../../../playground/', import.meta.url)), contentSecurityPolicy);
}
