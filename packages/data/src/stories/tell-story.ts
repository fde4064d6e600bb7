import { threefry, UnsupportedOptionError } from '@tessera/tensor-core';
import { seedKey } from '../seed-key.ts';
import { cast } from './cast.ts';
import type { Slots } from './cast.ts';
import type { FactRule, Plot } from './plot.ts';
import { changeOfPlans, cooking, counting, courage, hiding, planting, rescue, sharing } from './plots-of-deeds.ts';
import { gift, leftBehind, lostThing, swap, twoPlaces } from './plots-of-things.ts';
import { StoryRandom } from './story-random.ts';
import { fill } from './template.ts';

/** Something that a story says. */
export interface StoryFact {
  /** What is said: where something is, who has it, its colour, how many there are, or what somebody did it with. */
  readonly kind: FactRule['kind'];
  /** Of what or whom, as the story calls it. */
  readonly of: string;
  /** What is true of it. The last fact of a kind about the same thing holds. */
  readonly value: string;
  /** The passage that says so, counted from 0. */
  readonly passage: number;
}

/** A story with what it tells. */
export interface Story {
  /** The text: the plot, then on a line of its own a question and its answer. */
  readonly text: string;
  /** The plot in passages of one to three sentences. */
  readonly passages: readonly string[];
  /** Name of the plot. */
  readonly plot: string;
  readonly facts: readonly StoryFact[];
  /** What the end asks for, and the true answer. */
  readonly recall: {
    readonly text: string;
    readonly kind: FactRule['kind'];
    readonly of: string;
    readonly answer: string;
  };
}

/** Every plot, in an order that stories depend on. */
export const plots: readonly Plot[] = [
  lostThing,
  leftBehind,
  swap,
  twoPlaces,
  gift,
  counting,
  hiding,
  rescue,
  sharing,
  cooking,
  courage,
  planting,
  changeOfPlans,
];

function tell(plot: Plot, slots: Slots, random: StoryRandom): Story {
  const passages: string[] = [];
  const facts: StoryFact[] = [];
  for (const step of plot.steps) {
    if (step.percent !== undefined && random.below(100) >= step.percent) continue;
    for (const { kind, of, value } of step.facts ?? [])
      facts.push({ kind, of: slots[of]!, value: slots[value]!, passage: passages.length });
    passages.push(fill(random.pick(step.say), slots, random));
  }
  const { about, ask } = random.pick(plot.recalls);
  const of = slots[about.of]!;
  const held = facts.findLast((fact) => fact.kind === about.kind && fact.of === of)!;
  const now = { ...slots, [`${about.kind}:${about.of}`]: held.value };
  const text = fill(random.pick(ask), now, random);
  return {
    text: `${passages.join(' ')}\n${text}`,
    passages,
    plot: plot.name,
    facts,
    recall: { text, kind: about.kind, of, answer: held.value },
  };
}

/**
 * The story of a number: the same for the same seed and number on every machine, at the same cost for every number.
 *
 * @throws {@link UnsupportedOptionError} if the seed or the number is not a whole number from 0 to 2⁵³ − 1.
 */
export function storyAt(number: number, seed = 0): Story {
  const key = seedKey(seed, 'story');
  if (!Number.isSafeInteger(number) || number < 0)
    throw new UnsupportedOptionError(`There is no story ${number}, expected a whole number from 0 to 2^53 - 1.`, {
      facts: { number },
    });
  const random = new StoryRandom(threefry(key[0], key[1], number >>> 0, Math.floor(number / 2 ** 32)));
  const plot = random.pick(plots);
  return tell(plot, cast(random), random);
}
