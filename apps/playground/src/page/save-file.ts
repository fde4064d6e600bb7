/** How long the browser may take to begin with a download, in milliseconds. */
const patience = 60_000;

/** Hands a file to the downloads of the browser. */
export function saveFile(name: string, file: Blob): void {
  const address = URL.createObjectURL(file);
  Object.assign(document.createElement('a'), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), patience);
}
