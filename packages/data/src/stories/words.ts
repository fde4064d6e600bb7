const list = (words: string): readonly string[] => words.split(/\s*,\s*/);

export const girlNames: readonly string[] = list(
  'Mia, Anna, Lily, Emma, Zoe, Nora, Ruby, Ella, Clara, Ida, Rosa, Maya, Lucy, Alma, Hana, Tess, Vera, Greta, Amy, Olive, Iris, Wanda, Suki, Leila, Dora',
);
export const boyNames: readonly string[] = list(
  'Tom, Ben, Max, Leo, Sam, Jack, Omar, Finn, Hugo, Noah, Emil, Oscar, Ravi, Theo, Paul, Ivan, Anton, Felix, Milo, Jonas, Karl, Nico, Eddie, Luke, Arun',
);
export const animalNames: readonly string[] = list(
  'Pip, Bobo, Nibbles, Whiskers, Fern, Hazel, Biscuit, Pepper, Dot, Momo, Tiptoe, Acorn, Bramble, Clover, Button, Honey, Patch, Ziggy, Pebble, Sunny',
);
export const animalKinds: readonly string[] = list(
  'fox, rabbit, bear, mouse, owl, squirrel, hedgehog, duck, frog, badger, otter, cat, dog, goat, mole, beaver, elephant, turtle, pony, penguin',
);
export const natures: readonly string[] = list(
  'kind, curious, brave, shy, clever, cheerful, quiet, busy, gentle, playful, funny, careful, honest, eager, polite, sleepy, adventurous, friendly',
);
export const colours: readonly string[] = list(
  'red, blue, green, yellow, orange, purple, pink, white, black, brown, silver, golden',
);
export const weathers: readonly string[] = list('sunny, windy, cold, warm, foggy, bright, cloudy, quiet');
export const times: readonly string[] = list('morning, afternoon, day, evening');
export const numbers: readonly string[] = list('one, two, three, four, five');
export const homes: readonly string[] = list(
  'in a small house by the river, in a cosy cottage near the forest, at the end of a long road, in a tall house on a hill, in a little village, on a farm, beside a big old oak, near the sea, in a busy town, at the edge of a meadow',
);

/** Things to own, carry and lose. All have regular plurals. */
export const toys: readonly string[] = list(
  'kite, ball, hat, scarf, drum, book, cup, bell, ribbon, toy boat, toy train, balloon, blanket, umbrella, basket, key, button, lamp, puppet, flute, whistle, mitten, ring, doll, bucket, crayon, marble, feather, apron, envelope, spinning top, teapot',
);
/** Things to find many of. */
export const treasures: readonly string[] = list(
  'shell, acorn, stone, leaf, chestnut, flower, coin, pinecone, berry, mushroom, feather, egg, bead, stick, star sticker, apple, plum, nut, daisy, seed',
);
export const foods: readonly string[] = list(
  'apple, pear, sandwich, cookie, muffin, pancake, carrot, orange, banana, peach, pie, bun, plum, cupcake, omelette, pretzel',
);
export const ingredients: readonly string[] = list(
  'honey, sugar, cheese, butter, milk, salt, cinnamon, rice, corn, garlic, onion, cream, pepper, ginger, jam, lemon juice, chocolate, pumpkin',
);
export const dishes: readonly string[] = list('soup, cake, stew, bread, pudding, porridge, salad, pizza');
export const smallAnimals: readonly string[] = list(
  'kitten, duckling, puppy, bird, lamb, baby rabbit, butterfly, baby owl, piglet, hamster, ladybird, chick, snail, baby goat',
);
export const tools: readonly string[] = list(
  'rope, ladder, net, spade, long stick, basket, bucket, blanket, wheelbarrow, towel, plank, umbrella, branch, hook',
);
export const fears: readonly string[] = list(
  'the dark, thunder, the deep water, loud noises, big waves, the old cellar, high places, spiders, strangers, the howling wind',
);
export const parents: readonly string[] = list(
  'mother, father, grandmother, grandfather, aunt, uncle, big sister, big brother',
);
export const games: readonly string[] = list(
  'hide and seek, tag, catch, pirates, explorers, kings and queens, leapfrog, knights and dragons',
);
export const crops: readonly string[] = list(
  'carrot, pumpkin, sunflower, tulip, radish, bean, onion, rose, turnip, potato plant, strawberry plant, apple tree',
);

export const beds: readonly string[] = list(
  'behind the house, beside the gate, next to the well, in the middle of the garden, under the window, in a big pot, near the pond, at the foot of the hill, along the fence, between the roses',
);
export const pastimes: readonly string[] = list(
  'told each other stories, built a castle of pillows, drew funny pictures, baked a cake, sang all the songs they knew, made paper ships, played cards, put on a little show, read a long book',
);

/** A place to go, and spots in it. */
export interface Place {
  /** Whether rain does not come in. */
  readonly inside: boolean;
  /** After “the”. */
  readonly name: string;
  /** What joins it to someone who is there. */
  readonly at: 'at' | 'in' | 'on' | 'by';
  readonly spots: readonly string[];
}
const place = (at: Place['at'], name: string, spots: string): Place => ({
  inside: ['school', 'library', 'kitchen', 'attic', 'station'].includes(name),
  name,
  at,
  spots: list(spots),
});

export const places: readonly Place[] = [
  place(
    'in',
    'park',
    'under the bench, behind the fountain, near the gate, beside the swings, next to the slide, in the sandbox',
  ),
  place(
    'in',
    'garden',
    'under the apple tree, behind the shed, among the roses, next to the well, in the tall grass, beside the fence',
  ),
  place(
    'in',
    'forest',
    'under a fern, behind a fallen log, in a hollow tree, beside the stream, on a mossy rock, between two pines',
  ),
  place(
    'at',
    'beach',
    'behind a sand dune, under the pier, in a rock pool, beside the old boat, next to the lighthouse, on a flat rock',
  ),
  place(
    'on',
    'farm',
    'in the barn, behind the haystack, under the tractor, beside the henhouse, near the pond, in the stable',
  ),
  place(
    'at',
    'school',
    'under the desk, behind the piano, on the bookshelf, in the cupboard, beside the blackboard, near the window',
  ),
  place(
    'in',
    'library',
    'on the top shelf, under the table, behind the globe, beside the stairs, in the reading corner, next to the lamp',
  ),
  place(
    'at',
    'market',
    'behind the fruit stand, under a cart, beside the bakery, next to the flower stall, near the clock, in an empty crate',
  ),
  place('by', 'lake', 'under the bridge, in the reeds, behind the boathouse, on the dock, beside a willow, in a canoe'),
  place(
    'on',
    'hill',
    'behind the windmill, beside a big stone, in the bushes, under the old oak, near the path, next to the wall',
  ),
  place(
    'in',
    'kitchen',
    'under the sink, behind the stove, on the windowsill, in the drawer, beside the oven, in the pantry',
  ),
  place(
    'in',
    'attic',
    'in an old trunk, behind the mirror, under the rug, beside the chimney, on a dusty shelf, in a cardboard box',
  ),
  place(
    'in',
    'meadow',
    'beside an anthill, in the clover, under a bush, behind a gate, next to the brook, on a tree stump',
  ),
  place(
    'at',
    'station',
    'under a seat, behind the ticket booth, on the platform, beside the clock, in the waiting room, near the rails',
  ),
];
