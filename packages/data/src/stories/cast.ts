import type { StoryRandom } from './story-random.ts';
import * as words from './words.ts';

const indoors = words.places.filter(({ inside }) => inside);
const outdoors = words.places.filter(({ inside }) => !inside);

/** Values of the slots of templates, by name. */
export type Slots = Readonly<Record<string, string>>;

interface Somebody {
  readonly name: string;
  readonly kind: string;
  readonly female: boolean;
  readonly animal: boolean;
}

function somebody(random: StoryRandom): Somebody {
  const draw = random.below(5);
  const female = random.below(2) === 0;
  if (draw >= 3)
    return { name: random.pick(words.animalNames), kind: random.pick(words.animalKinds), female, animal: true };
  const name = random.pick(female ? words.girlNames : words.boyNames);
  return { name, kind: female ? 'girl' : 'boy', female, animal: false };
}

function pronouns(slot: string, female: boolean): Slots {
  const [he, him, his] = female ? ['she', 'her', 'her'] : ['he', 'him', 'his'];
  return { [`${slot}.he`]: he, [`${slot}.him`]: him, [`${slot}.his`]: his };
}

function personSlots(slot: string, person: Somebody, nature: string): Slots {
  return {
    [slot]: person.name,
    [`${slot}.kind`]: person.kind,
    [`${slot}.nature`]: nature,
    // How somebody is told of for the first time.
    [`${slot}.first`]: person.animal ? `${person.name} the ${person.kind}` : person.name,
    ...pronouns(slot, person.female),
  };
}

const isFemale = (parent: string): boolean => ['mother', 'grandmother', 'aunt', 'big sister'].includes(parent);

/** “Leaf” and such; all other nouns of the lists are regular. */
export function plural(noun: string): string {
  if (noun === 'leaf') return 'leaves';
  if (/[^aeiou]y$/.test(noun)) return `${noun.slice(0, -1)}ies`;
  return /(s|x|ch|sh)$/.test(noun) ? `${noun}es` : `${noun}s`;
}

const thingSlots = (slot: string, noun: string, colour: string): Slots => ({
  [slot]: noun,
  [`${slot}.colour`]: colour,
  [`${slot}.full`]: `${colour} ${noun}`,
});

/** Draws everybody and everything that a story may have. What bears the same letter differs. */
export function cast(random: StoryRandom): Slots {
  const a = somebody(random);
  let b = somebody(random);
  while (b.name === a.name) b = somebody(random);
  const [nature, other] = random.pickSome(words.natures, 2) as [string, string];
  const parent = random.pick(words.parents);
  const [t, u] = random.pickSome(words.toys, 2) as [string, string];
  const [red, blue] = random.pickSome(words.colours, 2) as [string, string];
  const place = random.pick(words.places);
  const inside = random.pick(indoors);
  const outside = random.pick(outdoors);
  const [s, s2, s3] = random.pickSome(place.spots, 3) as [string, string, string];
  const [i, j] = random.pickSome(words.ingredients, 2) as [string, string];
  const treasure = random.pick(words.treasures);
  const count = 2 + random.below(4); // 2 to 5
  const crop = random.pick(words.crops);
  return {
    ...personSlots('A', a, nature),
    ...personSlots('B', b, other),
    C: `${a.female ? 'her' : 'his'} ${parent}`,
    ...pronouns('C', isFemale(parent)),
    ...thingSlots('T', t, red),
    ...thingSlots('U', u, blue),
    'P.at': `${place.at} the ${place.name}`,
    'P.to': `to the ${place.name}`,
    'inside.at': `${inside.at} the ${inside.name}`,
    'outside.to': `to the ${outside.name}`,
    S: s,
    S2: s2,
    S3: s3,
    F: random.pick(words.foods),
    I: i,
    J: j,
    dish: random.pick(words.dishes),
    treasure,
    treasures: plural(treasure),
    count: words.numbers[count - 1]!,
    'count.less': words.numbers[count - 2]!,
    crop,
    animal: random.pick(words.smallAnimals),
    tool: random.pick(words.tools),
    fear: random.pick(words.fears),
    weather: random.pick(words.weathers),
    time: random.pick(words.times),
    home: random.pick(words.homes),
    game: random.pick(words.games),
    bed: random.pick(words.beds),
    pastime: random.pick(words.pastimes),
  };
}
