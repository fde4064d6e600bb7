// TypeDoc reads each package by itself, so that `{@link ShapeError}` of another package finds nothing. When all are together, a
// name that exactly one package exports is that export.
import { ReflectionKind } from 'typedoc';

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.addUnknownSymbolResolver((reference, from) => {
    if (reference.moduleSource !== undefined) return undefined;
    const name = reference.symbolReference?.path?.map(({ path }) => path).join('.');
    const [found, ...others] = from.project
      .getReflectionsByKind(ReflectionKind.SomeExport)
      .filter((each) => each.name === name && each.parent?.kindOf(ReflectionKind.Module));
    return found && others.length === 0 ? { target: found } : undefined;
  });
}
