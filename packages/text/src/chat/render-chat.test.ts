import { afterEach, expect, test, vi } from 'vitest';
import { renderChat } from './render-chat.ts';

const messages = [{ role: 'user', content: 'hi' }];

afterEach(() => vi.unstubAllGlobals());

test('a conversation is rendered with all that templates ask for', async () => {
  const template = `{{- bos_token }}{% for m in messages %}
<{{ m.role }}>{{ m['content'] | trim }}{{ eos_token }}
{% endfor %}
{%- if tools %}{{ tools | tojson }}{% endif %}
{%- if add_generation_prompt %}<assistant>{{ strftime_now('%d %b %Y') }} {{ mood }} {{ range(1, 7, 2) | join }}{% endif %}`;
  const text = await renderChat(template, {
    messages: [{ role: 'user', content: ' hi ' }],
    addGenerationPrompt: true,
    tools: [{ name: 'f' }],
    bosToken: '<s>',
    eosToken: '</s>',
    variables: { mood: 'calm' },
    now: new Date(2024, 1, 3),
  });
  expect(text).toBe('<s><user>hi</s>\n[{"name": "f"}]<assistant>03 Feb 2024 calm 135');
});

test.each([
  ['a loop for ever', '{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}'],
  ['white space that makes the library slow', `${' '.repeat(200_000)}x`],
])('a template that takes too long is stopped with a typed error: %s', async (_, template) => {
  const started = performance.now();
  await expect(renderChat(template, { messages }, { timeoutMs: 200 })).rejects.toMatchObject({
    code: 'TEMPLATE_TIMEOUT',
    facts: { timeoutMs: 200 },
  });
  expect(performance.now() - started).toBeLessThan(10_000);
});

test.each([
  ['a huge range', '{{ range(0, 30000000) | length }}', 'makes a range of more than 100000 items'],
  [
    'a list that doubles',
    '{% set ns = namespace(a=[1]) %}{% for i in range(60) %}{% set ns.a = ns.a + ns.a %}{% endfor %}',
    'makes a list of more than 100000 items',
  ],
  [
    'a text that doubles',
    "{% set ns = namespace(a='ab') %}{% for i in range(60) %}{% set ns.a = ns.a + ns.a %}{% endfor %}",
    'makes a text of more than 1000000 characters',
  ],
])('a template that grows without end is stopped: %s', async (_, template, message) => {
  await expect(renderChat(template, { messages }, { timeoutMs: 20_000 })).rejects.toMatchObject({
    code: 'MODEL_FORMAT',
    message: expect.stringContaining(message),
  });
});

test('a template that takes too much memory ends its worker, not the process', async () => {
  const template =
    "{% set ns = namespace(a='aaaaaaaa') %}{% for i in range(16) %}{% set ns.a = ns.a + ns.a %}{% endfor %}{% set ns.l = [] %}{% for i in range(90000) %}{% set ns.l = ns.l + [ns.a ~ i ~ ''] %}{% set ns.b = (ns.a ~ i) | upper %}{% set ns.l = ns.l + [ns.b] %}{% endfor %}";
  await expect(renderChat(template, { messages }, { timeoutMs: 20_000 })).rejects.toMatchObject({
    code: 'MODEL_FORMAT',
    message: expect.stringContaining('it takes too much memory'),
  });
  expect(await renderChat('still here', { messages })).toBe('still here');
});

test.each([
  ['a tag that is never closed', 'a\nb\n{% if x %}\nc', 3],
  ['an unknown statement', 'a\n{{ bos_token }}\n{# note\n#}\n{% frobnicate %}\n{{ x }}', 5],
  ['a character that means nothing', 'a\n{{ x }}\n\n{{ x ` y }}', 4],
  ['a missing bracket', '{{ x }}\n{{ (x }}\n{{ x }}', 2],
])('a mistake in a template comes with its line: %s', async (_, template, line) => {
  await expect(renderChat(template, { messages })).rejects.toMatchObject({
    code: 'MODEL_FORMAT',
    message: expect.stringMatching(`^chat template, line ${line}: `),
    facts: { line },
  });
});

test('a mistake that shows when the template runs is a typed error', async () => {
  await expect(renderChat('{{ messages | frobnicate }}', { messages })).rejects.toMatchObject({
    code: 'MODEL_FORMAT',
    message: 'chat template: Unknown ArrayValue filter: frobnicate',
  });
  await expect(renderChat('{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}', { messages })).rejects.toMatchObject({
    code: 'MODEL_FORMAT',
  });
});

test('what the template refuses is the fault of the conversation', async () => {
  await expect(renderChat("{{ raise_exception('Roles must alternate') }}", { messages })).rejects.toMatchObject({
    code: 'CONVERSATION',
    message: 'The chat template refuses the conversation: Roles must alternate',
  });
});

test('an abort stops rendering with its reason', async () => {
  const controller = new AbortController();
  const rendering = renderChat(
    '{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}',
    { messages },
    { signal: controller.signal, timeoutMs: 60_000 },
  );
  setTimeout(() => controller.abort(new Error('enough')), 100);
  await expect(rendering).rejects.toThrow('enough');
  await expect(renderChat('x', { messages }, { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow(
    'before',
  );
});

test('conversations render at the same time', async () => {
  const texts = await Promise.all(
    Array.from({ length: 4 }, (_, i) =>
      renderChat('{{ messages[0].content }}', { messages: [{ role: 'user', content: `${i}` }] }),
    ),
  );
  expect(texts).toEqual(['0', '1', '2', '3']);
});

test('messages must have roles that can be names, and be data', async () => {
  await expect(renderChat('', { messages: [{ role: '<|system|>', content: '' }] })).rejects.toThrow(
    'messages[0].role must be a name such as "user"',
  );
  await expect(renderChat('', { messages: [{ role: 'user', content: 1n as unknown as string }] })).rejects.toThrow(
    'The conversation is not plain data',
  );
  await expect(renderChat('', { messages, variables: { range: 1 } })).rejects.toThrow(
    'variables.range would hide what the template knows under this name.',
  );
});

test('nothing of JavaScript is reachable from a template', async () => {
  const probe =
    "{{ messages.constructor is defined }}{{ messages.__proto__ is defined }}{{ ''.constructor is defined }}{{ range.constructor is defined }}{{ process is defined }}{{ globalThis is defined }}";
  expect(await renderChat(probe, { messages })).toBe('false'.repeat(6));
});

test('a template that is too long is refused', async () => {
  await expect(renderChat('x'.repeat(300_000), { messages })).rejects.toThrow(
    'chat template: has 300000 characters, at most 262144 are read.',
  );
});

test('in a browser a Web Worker renders', async () => {
  const requests: unknown[] = [];
  class FakeWorker {
    onmessage: ((event: { data: unknown }) => void) | undefined;
    constructor(url: URL, options: unknown) {
      expect(url.pathname).toMatch(/template-worker\.js$/);
      expect(options).toEqual({ type: 'module' });
      setTimeout(() => this.onmessage?.({ data: 'ready' }));
    }
    postMessage(request: unknown): void {
      requests.push(request);
      setTimeout(() => this.onmessage?.({ data: { results: [{ text: 'from the web' }] } }));
    }
    terminate(): void {}
  }
  vi.resetModules();
  vi.stubGlobal('process', undefined);
  vi.stubGlobal('Worker', FakeWorker);
  const { renderChat: renderInBrowser } = await import('./render-chat.ts');
  expect(await renderInBrowser('{{ x }}', { messages })).toBe('from the web');
  expect(requests).toMatchObject([{ template: '{{ x }}' }]);
});
