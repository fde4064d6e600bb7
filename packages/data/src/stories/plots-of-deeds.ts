import { endOfDay, endTogether, goThere, goTogether, meetA, meetB } from './openings.ts';
import type { Plot } from './plot.ts';

/** Things are found and counted. */
export const counting: Plot = {
  name: 'counting',
  steps: [
    meetA,
    goThere,
    {
      facts: [{ kind: 'count', of: 'treasure', value: 'count' }],
      say: [
        '{A.he} found {count} [pretty|shiny|small|beautiful] {treasures}.',
        'there {A.he} picked up {count} {treasures}.',
        '{S}, {A.he} found {count} {treasures}.',
        '{A} looked {S} and saw {count} {treasures}. {A.he} put them in {A.his} pocket.',
      ],
    },
    {
      percent: 60,
      facts: [{ kind: 'count', of: 'treasure', value: 'count.less' }],
      say: [
        'on the way, {A.he} met {B.first} and gave {B.him} one {treasure}. Now {A} had {count.less}.',
        'one {treasure} fell into the water, and so {A.he} had only {count.less}.',
        '{A.he} gave one {treasure} to {a animal}. That left {count.less}.',
      ],
    },
    {
      percent: 60,
      say: [
        '{A} [carried|brought] everything home in a [basket|bucket|hat|scarf|big box].',
        '"What a lucky day," said {A}.',
        '{A.he} sang a little song about it.',
        '{A} felt very rich.',
      ],
    },
    endOfDay,
  ],
  recalls: [
    {
      about: { kind: 'count', of: 'treasure' },
      ask: [
        '"How many do you have?" asked {C}. {A} counted them. "{count:treasure}," {A.he} said.',
        'how many did {A} have in the end? {A.he} had {count:treasure}.',
        '{C} wanted to know how many there were. "{count:treasure}," said {A}.',
      ],
    },
  ],
};

/** Hide and seek. */
export const hiding: Plot = {
  name: 'hiding',
  steps: [
    meetA,
    meetB,
    goTogether,
    {
      say: [
        '"Let us play hide and seek," said {A}. {A.he} closed {A.his} eyes and counted to ten.',
        'they wanted to play hide and seek, and {A} had to count.',
        '"You can never find me," said {B} and ran off, while {A} counted to twenty.',
      ],
    },
    {
      facts: [{ kind: 'place', of: 'B', value: 'S' }],
      say: ['{B} hid {S} and kept very still.', '{B} crept away and hid {S}.', 'quick as the wind, {B} hid {S}.'],
    },
    {
      say: [
        '{A} looked {S2}, but nobody was there.',
        '"Are you {S2}?" called {A}. No, only {a animal} was there.',
        '{A} searched {S2}, then {S3}. Where could {B} be?',
      ],
    },
    {
      say: [
        'then {B} sneezed. "I have found you!" cried {A}.',
        'at last {A} saw [a foot|a nose|an ear] and laughed. "There you are!"',
        'then {A} heard somebody giggle, and the game was over.',
        'in the end {A} gave up, and {B} came out with a grin.',
      ],
    },
    endTogether,
  ],
  recalls: [
    {
      about: { kind: 'place', of: 'B' },
      ask: [
        '"Where did {B} hide?" asked {C}. "{S}," said {A}.',
        'where had {B} been hiding? {B.he} had been {S}.',
        '"I was {S} all the time," said {B}.',
      ],
    },
  ],
};

/** An animal in need is helped with a tool. */
export const rescue: Plot = {
  name: 'rescue',
  steps: [
    meetA,
    goThere,
    {
      facts: [{ kind: 'place', of: 'animal', value: 'S' }],
      say: [
        'there {A.he} heard a small voice. It was {a animal}, stuck {S}.',
        '{S}, {a animal} was stuck and could not move.',
        '"Help!" cried {a animal}, which was caught {S}.',
        '{A} saw {a animal} {S}. It was hurt and afraid.',
      ],
    },
    {
      percent: 60,
      say: [
        '"Do not be afraid," said {A}. "I will help you."',
        '{A} tried to reach it, but {A.he} was too small.',
        '{A} pulled and pulled, but it did not help.',
        '{A} thought hard. Then {A.he} had an idea.',
      ],
    },
    {
      facts: [{ kind: 'deed', of: 'animal', value: 'tool' }],
      say: [
        '{A.he} ran home, came back with {a tool}, and set the {animal} free.',
        '{A} took {a tool} and saved the {animal}.',
        '{B.first} brought {a tool}. With it they got the {animal} out.',
        'with the help of {a tool}, {A} got the {animal} out.',
      ],
    },
    {
      say: [
        'the {animal} was very [grateful|happy|glad].',
        '"Thank you," said the {animal}. "I will never forget you."',
        'the {animal} looked at {A} once more, and then it was gone.',
        'from that day on, {A} and the {animal} were friends.',
      ],
    },
    endOfDay,
  ],
  recalls: [
    {
      about: { kind: 'deed', of: 'animal' },
      ask: [
        '"How did you help the {animal}?" asked {C}. "With {a tool}," said {A}.',
        'what did they need to help the {animal}? They needed {a tool}.',
        'and what had helped the {animal}? It was {a tool}.',
      ],
    },
    {
      about: { kind: 'place', of: 'animal' },
      ask: [
        '"Where was the {animal}?" asked {C}. "It was {S}," said {A}.',
        'where had {A} found the {animal}? It had been {S}.',
      ],
    },
  ],
};

/** Food is shared with somebody hungry. */
export const sharing: Plot = {
  name: 'sharing',
  steps: [
    meetA,
    {
      facts: [{ kind: 'holder', of: 'F', value: 'A' }],
      say: [
        '{C} gave {A} {a F} for the way.',
        'one {time}, {A} packed {a F} and went {P.to}.',
        '{A} had {a F} in {A.his} bag.',
        'for lunch, {A} had {a F}. {A.he} took it {P.to}.',
      ],
    },
    {
      say: [
        '{P.at}, {A.he} met {B.first}, who looked sad.',
        'on the road {A.he} saw {B.first}. "I am so hungry," said {B}.',
        '{B.first} sat {S} all alone and had nothing to eat.',
      ],
    },
    {
      facts: [{ kind: 'deed', of: 'B', value: 'F' }],
      say: [
        '"You can have half of my {F}," said {A} to {B}.',
        '{A} cut the {F} in two and gave {B} the bigger half.',
        'so {A} shared the {F} with {B}.',
        '{A} thought for a moment. Then {A.he} broke the {F} in two and gave {B} one part.',
      ],
    },
    {
      say: [
        'it tasted [wonderful|sweet|delicious|better than ever].',
        '"Thank you, {A}," said {B}. "You are very {A.nature}."',
        '{B} smiled again, and {A} was happy too.',
        '"Next time I will share with you," {B} promised.',
      ],
    },
    endTogether,
  ],
  recalls: [
    {
      about: { kind: 'deed', of: 'B' },
      ask: [
        '"What did you share with {B}?" asked {C}. "{a F}," said {A}.',
        'what had {B} eaten? It was half of {a F}.',
        'what did {A} share with {B}? It was {a F}.',
      ],
    },
  ],
};

/** Something is cooked from two things. */
export const cooking: Plot = {
  name: 'cooking',
  steps: [
    meetA,
    {
      say: [
        'one {time}, {A} and {C} wanted to make {dish}.',
        '"Shall we make {dish} today?" asked {C}. {A} clapped {A.his} hands.',
        'it was {a weather} {time}, and {A} wanted to cook {dish} for {B.first}.',
      ],
    },
    {
      facts: [
        { kind: 'deed', of: 'A', value: 'I' },
        { kind: 'deed', of: 'C', value: 'J' },
      ],
      say: [
        '{A} put in the {I}, and {C} put in the {J}.',
        '{A} took care of the {I}. {C} took care of the {J}.',
        'first {A} added the {I}. Then {C} added the {J}.',
      ],
    },
    {
      say: [
        '{A} stirred [and stirred|with a big spoon|until {A.his} arm was tired].',
        'soon the whole house smelled [good|sweet|wonderful].',
        'some of it fell on the floor, and they laughed.',
        '"Careful, it is hot," said {C}.',
      ],
    },
    {
      say: [
        'it was the best {dish} ever.',
        'when it was ready, they ate all of it.',
        '"Can we make it again tomorrow?" asked {A}.',
        '{A} was proud of what {A.he} had made.',
      ],
    },
    {
      percent: 50,
      say: [
        '{B.first} came to visit and wanted some too.',
        '{B.first} smelled it and knocked at the door.',
        'they kept a bowl of it for {B.first}.',
      ],
    },
  ],
  recalls: [
    {
      about: { kind: 'deed', of: 'A' },
      ask: [
        '"What did you put in?" asked the neighbour. "The {I}," said {A}.',
        'what had {A} put in? {A.he} had put in the {I}.',
      ],
    },
    {
      about: { kind: 'deed', of: 'C' },
      ask: [
        'and what had {C} put in? It was the {J}.',
        '"And what did you put in?" the neighbour asked {C}. It was the {J}.',
      ],
    },
  ],
};

/** A fear is overcome with the help of a thing. */
export const courage: Plot = {
  name: 'courage',
  steps: [
    meetA,
    {
      say: [
        '{A} was afraid of {fear}.',
        'there was one thing that {A} feared, and that was {fear}.',
        '{A} liked almost everything, but not {fear}.',
      ],
    },
    {
      say: [
        'one {time}, {A.he} was all alone and began to shake.',
        'one {time} {P.at}, {A.his} heart began to beat fast.',
        '{A} hid {S} and did not dare to come out.',
        '"I cannot do it," {A} whispered.',
      ],
    },
    {
      facts: [
        { kind: 'deed', of: 'B', value: 'T' },
        { kind: 'colour', of: 'T', value: 'T.colour' },
      ],
      say: [
        'then {B.first} came and brought {a T.full}. "Hold this," said {B}.',
        '{B.first} had {a T.full} and gave it to {A}.',
        '"When I am afraid, I take this," said {B.first}, and held out {a T.full}.',
      ],
    },
    {
      say: [
        '{A} held it tight and took a deep breath.',
        '{A} closed {A.his} eyes and counted to three.',
        'hand in hand they went on.',
        '"Together we can do it," said {B}.',
      ],
    },
    {
      say: [
        'soon {A} was not afraid any more.',
        'and really, it was not so bad at all.',
        '"Look, I did it!" cried {A}.',
        'since then, {A} has been [braver|much braver|as brave as a lion].',
      ],
    },
    endTogether,
  ],
  recalls: [
    {
      about: { kind: 'deed', of: 'B' },
      ask: ['what had {B} brought? It was {a T}.', '"What did {B} give you?" asked {C}. "{a T}," said {A}.'],
    },
    {
      about: { kind: 'colour', of: 'T' },
      ask: ['"What colour was it?" asked {C}. "{T.colour}," said {A}.', 'what colour was the {T}? It was {T.colour}.'],
    },
  ],
};

/** Something is planted where two friends agreed. */
export const planting: Plot = {
  name: 'planting',
  steps: [
    meetA,
    {
      say: [
        '{C} gave {A.him} a tiny seed.',
        'in spring, {A} found a seed in {A.his} pocket.',
        'one {time}, a bird dropped a seed in front of {A}.',
        '{B.first} gave {A} a seed in a paper bag.',
      ],
    },
    {
      facts: [{ kind: 'place', of: 'crop', value: 'bed' }],
      say: [
        '{A} planted it {bed}. It was to become {a crop}.',
        '"It will become {a crop}," said {A}, and planted it {bed}.',
        'it was the seed of {a crop}. {A} dug a hole {bed} and put it in.',
      ],
    },
    {
      say: [
        'every day {A.he} gave it water.',
        '{A} waited and waited, but nothing happened.',
        'it rained, and then the sun came out.',
        '"You must be patient," said {C}.',
        '{A} told it a story every evening.',
      ],
    },
    {
      say: [
        'after some weeks there was a little green leaf.',
        'one morning, something green came out of the ground.',
        'it grew and grew, until it was bigger than {A}.',
        'in summer, the {crop} was the finest of all.',
      ],
    },
    {
      percent: 60,
      say: [
        'everyone came to see the {crop}.',
        '{A} danced around the {crop}.',
        '"Good things need time," said {C}.',
        '{A} was very [proud|happy|pleased].',
      ],
    },
  ],
  recalls: [
    {
      about: { kind: 'place', of: 'crop' },
      ask: [
        '"Where did you plant the {crop}?" asked {B.first}. "{bed}," said {A}.',
        'where was the {crop}? It was {bed}.',
        'if you go there, you can still see the {crop}. It is {bed}.',
      ],
    },
  ],
};

/** Plans change with the weather. */
export const changeOfPlans: Plot = {
  name: 'change of plans',
  steps: [
    meetA,
    meetB,
    {
      say: [
        '{A} and {B} wanted to go {outside.to} and play {game}.',
        '"Today we will go {outside.to}," said {A} to {B}.',
        'all week, {A} and {B} had looked forward to a trip {outside.to}.',
      ],
    },
    {
      say: [
        'but then it began to [rain|snow|storm].',
        'but dark clouds came, and it [rained|hailed|poured].',
        'but the road was under water.',
        'but it was so [cold|windy|foggy] that they could not go.',
      ],
    },
    {
      percent: 60,
      say: [
        '{A} was disappointed. "What shall we do now?" {A.he} asked.',
        '"This is not fair," said {B}.',
        '{A} looked out of the window and sighed.',
      ],
    },
    {
      facts: [{ kind: 'place', of: 'A', value: 'inside.at' }],
      say: [
        'so {A} and {B} stayed {inside.at} and {pastime}.',
        '"I have an idea," said {B}. So {A} and {B} spent the day {inside.at} and {pastime}.',
        'instead, {A} and {B} met {inside.at}, where they {pastime}.',
      ],
    },
    {
      say: [
        'it was more fun than they had thought.',
        'they forgot the weather and laughed a lot.',
        '"I am glad that we could not go," said {A}.',
        'time went by so fast.',
      ],
    },
    endTogether,
  ],
  recalls: [
    {
      about: { kind: 'place', of: 'A' },
      ask: [
        '"Where were you all day?" asked {C}. "We were {inside.at}," said {A}.',
        'where did {A} and {B} spend the day? They were {inside.at}.',
      ],
    },
  ],
};
