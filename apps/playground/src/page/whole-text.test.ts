import { expect, test } from 'vitest';
import { WholeText } from './whole-text.ts';

test('keeps all of a text however long it is, and forgets it when another one begins', async () => {
  const whole = new WholeText();
  let expected = 'Once';
  whole.begin(expected);
  for (let token = 0; token < 50_000; token++) {
    whole.append(` ${token} ü`);
    expected += ` ${token} ü`;
  }
  expect(await whole.blob().text()).toBe(expected);
  expect(whole.blob().type).toBe('text/plain');
  whole.begin('Twice');
  whole.append(' told');
  expect(await whole.blob().text()).toBe('Twice told');
});
