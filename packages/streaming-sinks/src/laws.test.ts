import { describeMixer } from '@tessera/plugin-testing';
import { describe, test } from 'vitest';
import { longer, under, uses } from './laws.test-data.ts';

describe.each(uses)('%s under a policy of sinks', (_, use) => {
  const { mixer, config } = under(longer, use);
  describeMixer(mixer, config, 12, { test });
});
