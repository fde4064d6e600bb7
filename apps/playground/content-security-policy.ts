/**
 * What the page may do: load its own scripts, workers and styles, and fetch from where it came from. No code from strings, no
 * WebAssembly, nothing inline, no other host. Every answer of the server carries it.
 */
export const contentSecurityPolicy: string = [
  `default-src 'none'`,
  `script-src 'self'`,
  `worker-src 'self'`,
  `connect-src 'self'`,
  `style-src 'self'`,
  `img-src 'self' data:`,
].join('; ');
