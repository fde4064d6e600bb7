import { describeMixer } from '@tessera/plugin-testing';
import { describe, test } from 'vitest';
import { scaledPositions } from '../scaled-positions/scaled-positions.ts';
import { gatedAttentionUnit } from './gated-attention-unit.ts';
import { unitConfigs } from './law-configs.test-data.ts';

describe.each(unitConfigs)('%s', (_, config) => {
  describeMixer(gatedAttentionUnit, config, 12, { test });
});

describeMixer(scaledPositions, {}, 12, { test });
