import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createStopMatcher } from './stop-matcher.ts';

/** The definition: the first end of a stop string, the longest of those that end there. */
function naive(text: string, stops: readonly string[]): { text: string; stop?: string } {
  for (let end = 1; end <= text.length; end++) {
    const [stop] = stops
      .filter((candidate) => text.slice(0, end).endsWith(candidate))
      .sort((a, b) => b.length - a.length);
    if (stop !== undefined) return { text: text.slice(0, end - stop.length), stop };
  }
  return { text };
}

function feed(pieces: readonly string[], stops: readonly string[]): { text: string; stop?: string } {
  const matcher = createStopMatcher(stops);
  let text = '';
  let found: string | undefined;
  for (const piece of pieces) {
    const step = matcher.push(piece);
    text += step.text;
    expect(step.stopped).toBe(step.stop !== undefined);
    found ??= step.stop;
  }
  text += matcher.flush();
  return found === undefined ? { text } : { text, stop: found };
}

const letters = fc.string({ unit: fc.constantFrom('a', 'b', '🙂', '😀'), maxLength: 4 });

test('any text in any pieces ends where a naive search says', () => {
  const stops = fc.array(
    letters.filter((stop) => stop !== ''),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 12 }), stops, (pieces, strings) => {
      expect(feed(pieces, strings)).toEqual(naive(pieces.join(''), strings));
    }),
    { numRuns: 2000 },
  );
});

test('emitted text never holds a beginning of a stop string at its end', () => {
  fc.assert(
    fc.property(
      fc.array(letters, { maxLength: 12 }),
      fc.array(
        letters.filter((stop) => stop !== ''),
        { minLength: 1, maxLength: 3 },
      ),
      (pieces, stops) => {
        const matcher = createStopMatcher(stops);
        let shown = '';
        let all = '';
        for (const piece of pieces) {
          all += piece;
          const step = matcher.push(piece);
          shown += step.text;
          if (step.stopped) break;
          const held = all.slice(shown.length);
          expect(held === '' || stops.some((stop) => stop.startsWith(held) && stop !== held)).toBe(true);
          expect(/\p{Surrogate}/u.test(step.text)).toBe(false);
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test('a stop string is held back while it may still come', () => {
  const matcher = createStopMatcher(['\nUser:']);
  expect(matcher.push('Hi\nUs')).toEqual({ text: 'Hi', stopped: false });
  expect(matcher.push('ing')).toEqual({ text: '\nUsing', stopped: false });
  expect(matcher.push('\nUser: x')).toEqual({ text: '', stopped: true, stop: '\nUser:' });
  expect(matcher.push('more')).toEqual({ text: '', stopped: true, stop: '\nUser:' });
  expect(matcher.flush()).toBe('');
});

test('what was held back comes out at the end', () => {
  const matcher = createStopMatcher(['stop']);
  expect(matcher.push('a sto').text).toBe('a ');
  expect(matcher.flush()).toBe('sto');
});

test('an empty stop string is refused', () => {
  expect(() => createStopMatcher(['a', ''])).toThrow('stop[1] is empty, expected a string of at least one character.');
});
