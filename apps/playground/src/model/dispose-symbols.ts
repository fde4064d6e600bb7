// Browsers in which WebGPU is older than `using`: without the two symbols, what a block opens could not be closed at its end.
// Imported before everything that declares such a method.
for (const name of ['dispose', 'asyncDispose'])
  if (!(name in Symbol)) Object.defineProperty(Symbol, name, { value: Symbol.for(`Symbol.${name}`) });
