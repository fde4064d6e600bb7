import { describeMixer } from '@tessera/plugin-testing';
import { describe, test } from 'vitest';
import { scaledPositions } from '../scaled-positions/scaled-positions.ts';
import { gatedAttentionUnit } from './gated-attention-unit.ts';
import { unitConfigs, wholeConfigs } from './law-configs.test-data.ts';
import { wholeGatedAttentionUnit } from './whole-gated-attention-unit.ts';

describe.each(unitConfigs)('%s', (_, config) => {
  describeMixer(gatedAttentionUnit, config, 12, { test });
});

describe.each(wholeConfigs)('%s', (_, config) => {
  describeMixer(wholeGatedAttentionUnit, config, 12, { test, segments: false });
});

describeMixer(scaledPositions, {}, 12, { test });
