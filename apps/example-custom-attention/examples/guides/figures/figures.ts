import { lineChartSvg } from './line-chart.ts';
import { stateChart } from './state-bytes.ts';
import { latestBenchmark, stepChart } from './step-time.ts';

/** Figures of the guides by file name: the state, and the time of a step where docs/benchmarks has measured it. */
export function figures(): ReadonlyMap<string, string> {
  const found = latestBenchmark();
  return new Map([
    ['state-bytes.svg', lineChartSvg(stateChart())],
    ...(found ? ([['step-time.svg', lineChartSvg(stepChart(found))]] as const) : []),
  ]);
}
