import './known-language.ts';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { CurveData } from './curve-data.ts';

const names = ['mean', 'loss', 'validation'] as const;

/** Columns of {@link CurveData} in the order in which they are drawn: what matters most is on top. */
const columns = { loss: 1, mean: 2, validation: 3 } as const;

/**
 * The curve of the loss. Colours are those that the legend has by the style sheet, so that they follow it into the dark; where
 * the pointer stands, the legend tells the values.
 */
export class LossCurve {
  readonly #place: HTMLElement;
  readonly #legend: Readonly<Record<(typeof names)[number], HTMLElement>>;
  readonly #plot: uPlot;
  readonly #resize: ResizeObserver;

  constructor(place: HTMLElement, legend: HTMLElement, signal: AbortSignal) {
    this.#place = place;
    const of = (name: string): HTMLElement => legend.querySelector<HTMLElement>(`.${name}`)!;
    this.#legend = { mean: of('mean'), loss: of('loss'), validation: of('validation') };
    const ink = (): string => getComputedStyle(place).color;
    const line = (): string => getComputedStyle(place).borderTopColor;
    const axis = {
      stroke: ink,
      font: '12px system-ui, sans-serif',
      grid: { stroke: line, width: 1 },
      ticks: { show: false },
    };
    const series = (name: (typeof names)[number], more: uPlot.Series): uPlot.Series => ({
      stroke: () => getComputedStyle(this.#legend[name].querySelector('i')!).color,
      points: { show: false },
      ...more,
    });
    this.#plot = new uPlot(
      {
        ...this.#size(),
        padding: [10, 14, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { setScale: false } },
        scales: { x: { time: false }, y: { range: (_, least, most) => withRoom(least, most) } },
        axes: [
          { ...axis, size: 28, space: 70, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4] },
          { ...axis, size: 46, space: 36 },
        ],
        series: [
          {},
          series('loss', { width: 1 }),
          series('mean', { width: 2 }),
          series('validation', { width: 2, spanGaps: true, points: { show: true, size: 5, width: 2 } }),
        ],
        hooks: { setCursor: [() => this.#tell()] },
      },
      [[], [], [], []],
      place,
    );
    this.#resize = new ResizeObserver(() => this.#plot.setSize(this.#size()));
    this.#resize.observe(place);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#plot.redraw(), { signal });
    signal.addEventListener('abort', () => this.#close());
  }

  show(data: CurveData): void {
    this.#plot.setData(data as uPlot.AlignedData);
    this.#tell();
  }

  /** Writes the values under the pointer, or the last ones. */
  #tell(): void {
    const { idx } = this.#plot.cursor;
    for (const name of names) {
      const values = this.#plot.data[columns[name]] as readonly (number | null)[];
      const upTo = idx === null || idx === undefined ? values : values.slice(0, idx + 1);
      const value = upTo.findLast((each) => each !== null);
      this.#legend[name].querySelector('b')!.textContent = value?.toFixed(3) ?? '';
    }
  }

  #size(): { readonly width: number; readonly height: number } {
    return { width: this.#place.clientWidth, height: this.#place.clientHeight };
  }

  #close(): void {
    this.#resize.disconnect();
    this.#plot.destroy();
  }
}

/** From the least to the greatest value with some room around; before there are any, what a first loss may be. */
function withRoom(least: number | null, most: number | null): [number, number] {
  if (least === null || most === null) return [0, 8];
  const room = Math.max((most - least) * 0.06, 0.05);
  return [Math.max(0, least - room), most + room];
}
