import { expect, test } from 'vitest';
import { copyOf, smallModel, writeTestFile } from '../testing/checkpoints.test-support.ts';
import { runTessera } from '../testing/run-tessera.test-support.ts';

const template = `{% for m in messages %}{{ m.role | upper }}:
{{ m.content }}

{% endfor %}{% if add_generation_prompt %}ASSISTANT:
{% endif %}`;

async function chattyModel(): Promise<string> {
  const model = await copyOf(smallModel);
  await writeTestFile(model, 'chat_template.jinja', template);
  return model;
}

const chat = (model: string, stdin: string, ...argv: string[]) =>
  runTessera(['chat', '--model', model, '-n', '6', '-t', '0', ...argv], { stdin });

test('answers each line of a pipe, the last one without line break, and remembers', async () => {
  const model = await chattyModel();
  const { status, stdout, stderr } = await chat(model, 'What news?\n\nWhat news?');
  const [first, second, ...rest] = stdout.trimEnd().split('\n');
  expect({ status, rest: rest.length }).toEqual({ status: 0, rest: 0 });
  expect(first).not.toBe('');
  // The same question, after another one.
  expect(second).not.toBe(first);
  expect(stderr.match(/6 tokens, /g)).toHaveLength(2);
});

test('/clear forgets and /exit ends', async () => {
  const model = await chattyModel();
  const alone = await chat(model, 'What news?\n');
  const { status, stdout } = await chat(model, 'Who is there?\n/clear\nWhat news?\n/exit\nNever read\n');
  expect(status).toBe(0);
  expect(stdout.endsWith(alone.stdout)).toBe(true);
});

test('a system message stays when the conversation is cleared', async () => {
  const model = await chattyModel();
  const { stdout } = await chat(model, 'What news?\n/clear\nWhat news?\n', '--system', 'Thou art a king.');
  const half = stdout.length / 2;
  expect(stdout.slice(0, half)).toBe(stdout.slice(half));
});

test('an answer that fails in a pipe ends the command', async () => {
  const { status, stderr } = await chat(await chattyModel(), 'What news?\nAnd now?\n', '-n', '900');
  expect(status).toBe(1);
  expect(stderr).toContain('code: CONTEXT_OVERFLOW');
});

test('Ctrl-C while a line is awaited exits with 130', async () => {
  const { status } = await runTessera(['chat', '--model', await chattyModel()], {
    stdin: 'What news?\n',
    signal: AbortSignal.timeout(1),
  });
  expect(status).toBe(130);
});

test('a model without chat template is sent to generate', async () => {
  const { status, stdout, stderr } = await chat(smallModel, 'What news?\n');
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toBe(
    `tessera chat: ${smallModel} has no chat template, so it cannot take a conversation. ` +
      `Use tessera generate --model ${smallModel} --prompt <text>.\ncode: MODEL_FORMAT (ModelFormatError)\n`,
  );
});
