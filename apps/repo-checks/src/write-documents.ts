// Writes the code and the output that documents show, from the files that they name. A test compares them.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkedDocuments } from './documents.ts';
import { shownBlocks, sourceOf } from './shown-code.ts';
import { repositoryRoot } from './workspace.ts';

for (const document of checkedDocuments()) {
  const path = join(repositoryRoot, document);
  let text = readFileSync(path, 'utf8');
  for (const block of shownBlocks(text)) {
    const { whole, shown, closing } = block;
    const head = whole.slice(0, whole.length - shown.length - closing.length);
    text = text.replace(whole, () => `${head}${sourceOf(block)}${closing}`);
  }
  writeFileSync(path, text);
}
