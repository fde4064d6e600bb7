import { endOfDay, endTogether, goThere, goTogether, meetA, meetB } from './openings.ts';
import type { Plot } from './plot.ts';

const colourOfT = [
  '"What colour was the {T}?" asked {C}. "It was {T.colour}," said {A}.',
  '{C} wanted to know the colour of the {T}. "{T.colour}," said {A}.',
  'what colour was the {T} of {A}? It was {T.colour}.',
  'do you remember the colour of the {T}? It was {T.colour}.',
] as const;

const ownT = {
  facts: [{ kind: 'colour', of: 'T', value: 'T.colour' }],
  say: [
    '{A} had {a T.full} that {A.he} took everywhere.',
    '{A.his} favourite thing was {a T.full}.',
    '{A} had got {a T.full} from {C} for {A.his} birthday.',
    '{A} was very proud of {A.his} new {T.full}.',
    'of all {A.his} things, {A} liked {a T.full} best.',
    '{C} had made {a T.full} for {A}.',
  ],
} as const;

/** A thing is lost and found again. */
export const lostThing: Plot = {
  name: 'lost thing',
  steps: [
    meetA,
    ownT,
    goThere,
    {
      say: [
        'suddenly {A} saw that the {T} was gone.',
        '{A} played for a long time. When {A.he} wanted to go home, the {T} was not there.',
        'a strong wind came, and the {T} was gone.',
        '"Oh no! Where is my {T}?" cried {A}.',
        'then {A} reached for the {T}, but it was gone.',
      ],
    },
    {
      percent: 75,
      say: [
        '{A} felt [sad|worried|upset] and began to look everywhere.',
        'a tear ran down {A.his} cheek.',
        '"Do not worry," said {B.first}. "I will help you look."',
        '{B.first} came by and asked, "why are you so sad?" {A} told {B.him}, and they looked together.',
      ],
    },
    {
      percent: 65,
      say: [
        'first {A} looked {S2}, but it was not there.',
        '{A.he} looked {S2}. Nothing!',
        'was it {S2}? No, there was only {a treasure}.',
        '{A.he} looked {S2} and {S3}, but could not find it.',
      ],
    },
    {
      facts: [{ kind: 'place', of: 'T', value: 'S' }],
      say: [
        'at last {A} found the {T} {S}.',
        'then {A} looked {S}, and there was the {T}!',
        'there it was! The {T} was {S}.',
        'something {T.colour} was {S}. It was the {T}!',
        'in the end, the {T} turned up {S}.',
      ],
    },
    {
      percent: 60,
      say: [
        '{A} jumped for joy.',
        '{A} was so [happy|glad|relieved] that {A.he} danced.',
        '"I will take better care of you," said {A} to the {T}.',
        '{A} hugged the {T} and laughed.',
      ],
    },
    endOfDay,
  ],
  recalls: [
    {
      about: { kind: 'place', of: 'T' },
      ask: [
        '"Where did you find the {T}?" asked {C}. "It was {S}," said {A}.',
        'at supper, {C} asked, "where was your {T}?" "{S}," said {A}.',
        'where was the {T}? It was {S}.',
        '{C} asked where the {T} had been. "It was {S}," {A} answered.',
      ],
    },
    { about: { kind: 'colour', of: 'T' }, ask: colourOfT },
  ],
};

/** Somebody leaves a thing somewhere and comes back for it. */
export const leftBehind: Plot = {
  name: 'left behind',
  steps: [
    meetA,
    goThere,
    {
      facts: [
        { kind: 'colour', of: 'T', value: 'T.colour' },
        { kind: 'place', of: 'T', value: 'S' },
      ],
      say: [
        '{A.he} put {A.his} {T.full} {S} and began to play.',
        '{A} left {A.his} {T.full} {S}, because it was too heavy to carry.',
        '{A.he} laid {A.his} {T.full} {S} and took a little nap.',
        'because it was warm, {A} sat down and put {A.his} {T.full} {S}.',
      ],
    },
    {
      say: [
        'when it got late, {A.he} went home without it.',
        'then {A.he} heard the bell for supper and ran home.',
        'it began to rain, and {A} ran home as fast as {A.he} could.',
        'after a while {A.he} got hungry and went home.',
      ],
    },
    {
      say: [
        'at home, {A} looked around. "I forgot my {T}!" {A.he} cried.',
        '"Where is your {T}?" asked {C}. Then {A} remembered.',
        'in bed, {A} thought of the {T}. It was still outside!',
      ],
    },
    {
      percent: 80,
      say: [
        '{A} ran back and brought it home.',
        '{B.first} had a lantern, and they went back together to get it.',
        'early the next morning, {A} went back and took it home.',
        '"We will go and get it," said {C}, and so they did.',
      ],
    },
    endOfDay,
  ],
  recalls: [
    {
      about: { kind: 'place', of: 'T' },
      ask: [
        'where had {A} left the {T}? {A.he} had left it {S}.',
        '"Where had you left it?" asked {C}. "{S}," said {A}.',
        '"I left the {T} {S}," {A} said to {C}. "I will not do it again."',
      ],
    },
    { about: { kind: 'colour', of: 'T' }, ask: colourOfT },
  ],
};

/** Two friends have a thing each, and swap. */
export const swap: Plot = {
  name: 'swap',
  steps: [
    meetA,
    meetB,
    {
      facts: [
        { kind: 'holder', of: 'T', value: 'A' },
        { kind: 'colour', of: 'T', value: 'T.colour' },
        { kind: 'holder', of: 'U', value: 'B' },
        { kind: 'colour', of: 'U', value: 'U.colour' },
      ],
      say: [
        '{A} had {a T.full}, and {B} had {a U.full}.',
        'one {time}, {A} brought {a T.full}, and {B} brought {a U.full}.',
        '{A} came with {a T.full}. {B} came with {a U.full}.',
      ],
    },
    {
      say: [
        '"I like your {U}," said {A}. "I like your {T}," said {B}.',
        '{A} looked at the {U} and sighed. "Would you like to swap?" asked {B}.',
        '{B} wished for {a T}, and {A} wished for {a U}.',
      ],
    },
    {
      facts: [
        { kind: 'holder', of: 'T', value: 'B' },
        { kind: 'holder', of: 'U', value: 'A' },
      ],
      say: [
        'so they swapped. {A} took the {U}, and {B} took the {T}.',
        'so {A} gave the {T} to {B}, and {B} gave the {U} to {A}.',
        '{A} handed the {T} to {B} and got the {U}. {B} [smiled|laughed|was delighted], and {A} too.',
      ],
    },
    {
      percent: 50,
      say: [
        'both were [happy|pleased|glad].',
        '"This is the best day of the year," said {B}.',
        '{A} played with the {U} all day long.',
        'they shook hands on it.',
      ],
    },
    endTogether,
  ],
  recalls: [
    {
      about: { kind: 'holder', of: 'T' },
      ask: ['who has the {T} now? {B} has it.', '"Who has your {T} now?" asked {C}. "{B} has it," said {A}.'],
    },
    {
      about: { kind: 'holder', of: 'U' },
      ask: ['who has the {U} now? {A} has it.', '{C} asked who had the {U} now. It was {A}.'],
    },
    {
      about: { kind: 'colour', of: 'U' },
      ask: [
        '"What colour is your new {U}?" asked {C}. "It is {U.colour}," said {A}.',
        'and what colour was the {U}? It was {U.colour}.',
      ],
    },
    { about: { kind: 'colour', of: 'T' }, ask: ['and the {T}, what colour was it? It was {T.colour}.'] },
  ],
};

/** Two things are put in two places; one is asked for. */
export const twoPlaces: Plot = {
  name: 'two places',
  steps: [
    meetA,
    meetB,
    goTogether,
    {
      facts: [
        { kind: 'colour', of: 'T', value: 'T.colour' },
        { kind: 'colour', of: 'U', value: 'U.colour' },
      ],
      say: [
        'they had {a T.full} and {a U.full} with them.',
        '{A} carried {a T.full}, and {B} carried {a U.full}.',
        '"Look what I have," said {A}, and showed {a T.full}. {B} had {a U.full}.',
      ],
    },
    {
      facts: [
        { kind: 'place', of: 'T', value: 'S' },
        { kind: 'place', of: 'U', value: 'S2' },
      ],
      say: [
        'they hid the {T} {S} and the {U} {S2}.',
        '{A} put the {T} {S}, and {B} put the {U} {S2}.',
        'the {T} went {S}. The {U} went {S2}.',
        '"We can make a treasure hunt," said {B}. So they put the {T} {S} and the {U} {S2}.',
      ],
    },
    {
      percent: 50,
      facts: [{ kind: 'place', of: 'U', value: 'S3' }],
      say: [
        'later {B} took the {U} and hid it {S3}.',
        'then {A} moved the {U}. Now it was {S3}.',
        '"That is too easy," said {A}, and put the {U} {S3} instead.',
      ],
    },
    {
      percent: 60,
      say: [
        '"Nobody will ever find them," {B} [whispered|giggled|said].',
        'they laughed and ran to call the others.',
        'then they had {a F} and rested.',
        'they played {game} until it was time for tea.',
      ],
    },
  ],
  recalls: [
    {
      about: { kind: 'place', of: 'T' },
      ask: [
        '"Where is the {T}?" asked {C}. "It is {S}," said {A}.',
        'do you remember where the {T} was? It was {S}.',
        '{C} looked for the {T}. It was {S}.',
      ],
    },
    {
      about: { kind: 'place', of: 'U' },
      ask: [
        '"And where is the {U}?" asked {C}. "It is {place:U}," said {B}.',
        'do you remember where the {U} was in the end? It was {place:U}.',
        '{C} looked for the {U}. It was {place:U}.',
      ],
    },
    { about: { kind: 'colour', of: 'U' }, ask: ['what colour was the {U}? It was {U.colour}.'] },
  ],
};

/** A gift is made, wrapped and given. */
export const gift: Plot = {
  name: 'gift',
  steps: [
    meetA,
    meetB,
    {
      say: [
        'it was the birthday of {B}, and {A} wanted to give {B.him} something.',
        'tomorrow was the birthday of {B}. "What can I give {B.him}?" {A} wondered.',
        '{B} had been ill for a week, and {A} wanted to cheer {B.him} up.',
        '{B} had always been good to {A}, so {A} wanted to thank {B.him}.',
      ],
    },
    {
      facts: [
        { kind: 'colour', of: 'T', value: 'T.colour' },
        { kind: 'holder', of: 'T', value: 'A' },
      ],
      say: [
        'so {A} made {a T.full}.',
        '{A} went to the shop and bought {a T.full}.',
        '{A} took all {A.his} coins and bought {a T.full}.',
        'in a box {A} found {a T.full}. {A} cleaned it until it shone.',
      ],
    },
    {
      percent: 50,
      say: [
        '{A.he} wrapped it in paper and tied a bow around it.',
        '{A.he} worked on it all night.',
        '{A.he} drew a card with a big sun on it.',
      ],
    },
    {
      facts: [{ kind: 'holder', of: 'T', value: 'B' }],
      say: [
        'then {A} gave the {T} to {B}.',
        '"This is for you," said {A}, and gave {B} the {T}.',
        '{B} opened the door, and {A} handed {B.him} the {T}.',
        'when {B} opened the parcel, there was the {T}. Now it belonged to {B}.',
      ],
    },
    {
      say: [
        '"Thank you! It is [wonderful|beautiful|just what I wanted]," said {B}.',
        '{B} was so happy that {B.he} [hugged {A}|jumped up and down|could not speak].',
        '"How kind of you," said {B}, and they had {a F} together.',
      ],
    },
    endTogether,
  ],
  recalls: [
    {
      about: { kind: 'holder', of: 'T' },
      ask: ['who has the {T} now? {B} has it.', '"Who has the {T} now?" asked {C}. "{B}," said {A}.'],
    },
    { about: { kind: 'colour', of: 'T' }, ask: colourOfT },
  ],
};
