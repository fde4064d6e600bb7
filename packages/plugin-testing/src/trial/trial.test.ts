import { describe, test } from 'vitest';
import { describeMixer } from '../mixer-laws.ts';
import { layers } from './layers.test-data.ts';

describe.each(layers)('%s', (_, { mixer, config }, options) => {
  describeMixer(mixer, config, 12, { test, ...options });
});
