/** Module hook: what `node --conditions=@tessera/source` does, for a process that already runs. */
export const resolve = (specifier, context, nextResolve) =>
  nextResolve(specifier, { ...context, conditions: ['@tessera/source', ...context.conditions] });
