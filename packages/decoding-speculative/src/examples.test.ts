import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { speculate } from '../examples/speculate.ts';

const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

test('the example gives one text three times, by look-ups in fewer rounds', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  const [plain, drafted, lookedUp] = await speculate();
  log.mockRestore();
  expect(drafted!.newTokenIds).toEqual(plain!.newTokenIds);
  expect(lookedUp!.newTokenIds).toEqual(plain!.newTokenIds);
  expect(lookedUp!.speculation!.rounds).toBeLessThan(100);
});

test('the README shows the example as it is', () => {
  const [, code] = /#region speculate\n([\s\S]*?)\n *\/\/ #endregion/.exec(text('../examples/speculate.ts'))!;
  expect(text('../README.md')).toContain(`\`\`\`ts\n${code!.replace(/^ {2}/gm, '')}\n\`\`\``);
});
