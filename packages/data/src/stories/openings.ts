import type { Step } from './plot.ts';

/** Who the story is about. */
export const meetA: Step = {
  say: [
    'once there was {a A.nature} {A.kind} named {A}.',
    'once upon a time there was {a A.nature} {A.kind} called {A}, who lived {home}.',
    '{A.first} lived {home}.',
    '{A} was {a A.nature} {A.kind}. {A.he} lived {home}.',
    'there was once {a A.kind} named {A}. Everyone said that {A.he} was very {A.nature}.',
    'this is a story about {A.first}, who was always {A.nature}.',
    '{home} lived {a A.nature} {A.kind} named {A}.',
    'a long time ago, {a A.nature} {A.kind} called {A} lived {home}.',
  ],
};

/** Who else is in it. */
export const meetB: Step = {
  say: [
    '{A.his} best friend was {B.first}.',
    '{A.he} had a good friend, {B.first}.',
    '{B.first} was {A.his} [neighbour|best friend|dearest friend].',
    '{A} liked to play with {B.first}, who was {B.nature}.',
    '{A} and {B.first} did everything together.',
    '{B.first} was a friend of {A}, and very {B.nature}.',
  ],
};

/** A goes somewhere alone. */
export const goThere: Step = {
  say: [
    'one {weather} {time}, {A} went {P.to}.',
    'one {time}, {A} [walked|ran|skipped|hurried] {P.to}.',
    'it was {a weather} {time}, so {A} went {P.to}.',
    'on {a weather} {time}, {A} [walked|set off|wandered] {P.to}.',
    '{A} loved to go {P.to}. One {weather} {time}, {A.he} went there again.',
    'when the {time} was {weather}, {A} always went {P.to}.',
  ],
};

/** A and B, who is known by now, go somewhere. */
export const goTogether: Step = {
  say: [
    'one {weather} {time}, {A} and {B} went {P.to}.',
    'one {time}, the two friends [walked|ran|hurried] {P.to}.',
    'on {a weather} {time}, {A} met {B} {P.at}.',
    'it was {a weather} {time}, so {A} and {B} [went|walked|skipped] {P.to} together.',
    '"Let us go {P.to}," said {B} one {time}. {A} liked the idea, and off they went.',
  ],
};

/** How a day ends; told or left out. */
export const endOfDay: Step = {
  percent: 45,
  say: [
    'it had been a very good day.',
    'then it was time to go home.',
    '{A} went home with a big smile.',
    'that night, {A} slept well.',
    'soon the sun went down, and {A} went home for supper.',
    '{A} was tired but happy.',
    '{A.he} would never forget that day.',
    'on the way home, {A} [sang a song|hummed a tune|counted the clouds|jumped over puddles].',
  ],
};

/** The same for two. */
export const endTogether: Step = {
  percent: 45,
  say: [
    'they laughed all the way home.',
    'then the two friends played {game} until it got dark.',
    'it had been a very good day.',
    '{A} and {B} were better friends than ever.',
    '"You are the best friend in the world," said {B}.',
    'they hugged and went home.',
    'they shared {a F} and told each other [jokes|riddles|secrets|stories].',
  ],
};
