import { beforeAll, describe, expect, test } from 'vitest';
import { cast, plural } from './cast.ts';
import { plots, storyAt } from './tell-story.ts';
import type { Story } from './tell-story.ts';
import { StoryRandom } from './story-random.ts';
import { fill } from './template.ts';
import * as words from './words.ts';

const count = 10_000;
let told: Story[];
beforeAll(() => {
  told = Array.from({ length: count }, (_, number) => storyAt(number, 3));
});

const has = (text: string, phrase: string): boolean =>
  new RegExp(`(^|[^a-z])${phrase.toLowerCase()}([^a-z]|$)`).test(text.toLowerCase());

/** The first stories for which something holds that should not: an empty list, or something to look at. */
const wrong = (test: (story: Story) => boolean): string[] =>
  told
    .filter(test)
    .map(({ text }) => text)
    .slice(0, 3);

describe('what the end asks for', () => {
  test('the answer is the last thing that the story said about it', () => {
    for (const { recall, facts } of told)
      expect(facts.findLast(({ kind, of }) => kind === recall.kind && of === recall.of)?.value).toBe(recall.answer);
  });

  test('every fact stands in its passage, by name and value', () => {
    for (const { facts, passages } of told)
      for (const { of, value, passage } of facts) {
        const text = passages[passage]!;
        expect(has(text, value), `${value} in: ${text}`).toBe(true);
        expect(has(text, of) || has(text, plural(of)), `${of} in: ${text}`).toBe(true);
      }
  });

  test('question and answer name the answer; nothing else of its kind is said there', () => {
    expect(wrong(({ recall }) => !has(recall.text, recall.answer))).toEqual([]);
    const others = ({ facts, recall }: Story): boolean =>
      facts.some(
        ({ kind, value }) =>
          kind === 'place' && recall.kind === 'place' && value !== recall.answer && has(recall.text, value),
      );
    expect(wrong(others)).toEqual([]);
  });

  test('many stories hold something else that could be taken for the answer', () => {
    const tempting = told.filter(({ facts, recall }) =>
      facts.some(({ kind, value }) => kind === recall.kind && value !== recall.answer),
    );
    expect(tempting.length / count).toBeGreaterThan(0.3);
  });
});

describe('the text', () => {
  test('no story comes twice in ten thousand', () => {
    expect(new Set(told.map(({ text }) => text)).size).toBe(count);
    expect(new Set([...told, storyAt(0, 4)].map(({ text }) => text)).size).toBe(count + 1);
  });

  test('some hundreds of words are used', () => {
    const used = new Set(told.flatMap(({ text }) => text.toLowerCase().match(/[a-z]+/g)!));
    expect(used.size).toBeGreaterThan(800);
    expect(used.size).toBeLessThan(1200);
  });

  test('every plot is told, in five to eighteen sentences, ten or fewer as a rule', () => {
    expect(new Set(told.map(({ plot }) => plot)).size).toBe(plots.length);
    const sentences = told.map(({ text }) => text.match(/[.!?]+"?(\s|$)/g)!.length);
    expect([Math.min(...sentences), Math.max(...sentences)]).toEqual([5, 18]);
    expect(sentences.filter((sentence) => sentence <= 10).length / count).toBeGreaterThan(0.5);
  });

  test('a stands before consonants and an before vowels', () => {
    expect(wrong(({ text }) => /\ba ([aeiou]|honest)/i.test(text))).toEqual([]);
    expect(wrong(({ text }) => /\ban (?!honest)[^aeiou]/i.test(text))).toEqual([]);
  });

  test('sentences and quotations begin with a capital and are closed', () => {
    expect(wrong(({ text }) => !/^["A-Z]/.test(text))).toEqual([]);
    expect(wrong(({ text }) => /[.!?] "?[a-z]|\." [a-z]|\n"?[a-z]|(^|\s)"[a-z]/.test(text))).toEqual([]);
    expect(wrong(({ text }) => text.split('"').length % 2 === 0)).toEqual([]);
    expect(wrong(({ text }) => !/[.!]"?\n.*[.!]"?$/.test(text))).toEqual([]);
    expect(wrong(({ text }) => / {2}|[{}[\]|]|undefined| [.,!?]|\.\./.test(text))).toEqual([]);
    expect(wrong(({ text }) => /\b(\w+) \1\b/i.test(text))).toEqual([]);
  });

  test('nobody is called by the pronoun of another', () => {
    const named = (text: string, names: readonly string[]): boolean => names.some((name) => has(text, name));
    const girls = told.filter(
      ({ text }) => named(text, words.girlNames) && !named(text, [...words.boyNames, ...words.animalNames]),
    );
    const boys = told.filter(
      ({ text }) => named(text, words.boyNames) && !named(text, [...words.girlNames, ...words.animalNames]),
    );
    expect(girls.length).toBeGreaterThan(500);
    expect(boys.length).toBeGreaterThan(500);
    expect(girls.filter(({ text }) => /\b(he|him|his)\b/i.test(text))).toEqual([]);
    expect(boys.filter(({ text }) => /\b(she|her)\b/i.test(text))).toEqual([]);
  });

  test('one of a thing is singular, several are plural', () => {
    const singular = words.treasures.join('|');
    const several = words.treasures.map(plural).join('|');
    const adjective = '( pretty| shiny| small| beautiful)?';
    expect(
      wrong(({ text }) => new RegExp(`(two|three|four|five)${adjective} (${singular})\\b`, 'i').test(text)),
    ).toEqual([]);
    expect(wrong(({ text }) => new RegExp(`\\bone${adjective} (${several})\\b`, 'i').test(text))).toEqual([]);
    expect(told.some(({ text }) => new RegExp(`(two|five)${adjective} (${several})\\b`).test(text))).toBe(true);
    expect(['leaf', 'berry', 'daisy', 'shell', 'toy'].map(plural)).toEqual([
      'leaves',
      'berries',
      'daisies',
      'shells',
      'toys',
    ]);
  });
});

test('every template has its slots', () => {
  const random = new StoryRandom([5, 6]);
  for (const plot of plots)
    for (const template of [...plot.steps.flatMap(({ say }) => say), ...plot.recalls.flatMap(({ ask }) => ask)]) {
      const held = { 'place:U': 'somewhere', 'count:treasure': 'two' };
      expect(fill(template, { ...cast(random), ...held }, random)).toMatch(/[.!?]"?$/);
    }
  expect(() => fill('{nobody} came.', {}, random)).toThrow('A template names nobody, which is no slot');
});

test('a story is the same on every machine, entered anywhere', () => {
  let hash = 0;
  for (let number = 0; number < 200; number++)
    for (const letter of storyAt(number).text) hash = Math.imul(hash ^ letter.charCodeAt(0), 16777619);
  expect(hash).toBe(-892127270);
  expect(storyAt(2 ** 40).text).not.toBe(storyAt(0).text);
  expect(() => storyAt(-1)).toThrow('There is no story -1, expected a whole number from 0 to 2^53 - 1.');
  expect(() => storyAt(0, 0.5)).toThrow('seed is 0.5');
});
