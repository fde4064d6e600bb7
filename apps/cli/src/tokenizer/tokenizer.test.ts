import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTokenizer } from '@tessera/text';
import { expect, test } from 'vitest';
import { emptyDirectory, writeTestFile } from '../testing/checkpoints.test-support.ts';
import { runTessera } from '../testing/run-tessera.test-support.ts';

test.each(['text', 'stories'])('a tokenizer is trained on %s', async (kind) => {
  const directory = await emptyDirectory();
  const data =
    kind === 'stories' ? kind : await writeTestFile(directory, 'a.txt', 'the sea, the sea, the land\n'.repeat(9));
  const out = join(directory, 'made');
  const argv = ['tokenizer', '--data', data, '--vocab-size', '264', '--stories', '20', '--out', out, '--json'];
  const { status, stdout } = await runTessera(argv);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ out, vocabSize: 264 });
  const tokenizer = createTokenizer({
    tokenizerJson: await readFile(join(out, 'tokenizer.json'), 'utf8'),
    tokenizerConfig: await readFile(join(out, 'tokenizer_config.json'), 'utf8'),
  });
  expect(tokenizer.vocabSize).toBe(264);
  const ids = tokenizer.encode('in the sea');
  expect(ids.length).toBeLessThan(10);
  expect(tokenizer.decode(ids)).toBe('in the sea');
});

test.each([
  ['stories beside files', ['--data', 'stories', 'a.txt', '--vocab-size', '300'], 'expected one or the other'],
  ['a file that is not there', ['--data', 'none.txt', '--vocab-size', '300'], 'there is no such file'],
])('%s is refused', async (_, argv, message) => {
  const out = join(await emptyDirectory(), 'made');
  const { status, stderr } = await runTessera(['tokenizer', ...argv, '--out', out]);
  expect(status).toBe(1);
  expect(stderr).toContain(message);
});
