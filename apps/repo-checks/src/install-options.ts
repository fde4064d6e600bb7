/** How npm installs in a scratch folder: quietly, from its cache where it can. */
export const installOptions: readonly string[] = [
  '--no-audit',
  '--no-fund',
  '--no-package-lock',
  '--prefer-offline',
  '--loglevel=error',
];
