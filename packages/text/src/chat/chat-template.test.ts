import { expect, test } from 'vitest';
import { chatTemplateOf } from './chat-template.ts';

test('a template is found in each of its places', () => {
  expect(chatTemplateOf({ chat_template: 'a' })).toBe('a');
  expect(chatTemplateOf('{"chat_template":"a"}')).toBe('a');
  expect(chatTemplateOf({ chat_template: 'a' }, 'file')).toBe('file');
  const named = {
    chat_template: [
      { name: 'default', template: 'a' },
      { name: 'tool_use', template: 'b' },
    ],
  };
  expect(chatTemplateOf(named)).toBe('a');
  expect(chatTemplateOf(named, undefined, 'tool_use')).toBe('b');
});

test('a model without a template has none', () => {
  expect(chatTemplateOf(undefined)).toBeUndefined();
  expect(chatTemplateOf({})).toBeUndefined();
  expect(chatTemplateOf({ chat_template: null })).toBeUndefined();
  expect(chatTemplateOf({ chat_template: [] })).toBeUndefined();
  expect(chatTemplateOf({ chat_template: { rag: 'x' } }, undefined, '__proto__')).toBeUndefined();
});

test('a template of another form, or too long, is refused', () => {
  expect(() => chatTemplateOf({ chat_template: 5 })).toThrow(
    'tokenizer_config.json: chat_template is 5, expected a template or a list of { name, template }.',
  );
  expect(() => chatTemplateOf({ chat_template: [{ name: 'default' }] })).toThrow(
    'tokenizer_config.json: chat_template[0].template is missing.',
  );
  expect(() => chatTemplateOf({}, 'x'.repeat(300_000))).toThrow(
    'chat_template.jinja: the file has 300000 characters, at most 262144 are read.',
  );
});
