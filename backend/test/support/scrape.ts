/** What a server answers to Prometheus: samples by their names and labels as they stand there, `http_requests_total{method="GET",…}`. */
export class Scrape {
  readonly text: string
  readonly #samples: ReadonlyMap<string, number>
  constructor(text: string) {
    this.text = text
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    this.#samples = new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]))
  }

  /** @param url the server's, without a path */
  static async of(url: string): Promise<Scrape> {
    const response = await fetch(`${url}/metrics`)
    if (response.status !== 200) throw new Error(`/metrics answered ${response.status}`)
    return new Scrape(await response.text())
  }

  /** The sample with exactly these labels, in any order; undefined where there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
    return [...this.#samples].find(([sample]) => {
      const [, found, inner = ''] = /^([^{]+)(?:\{(.*)\})?$/.exec(sample) ?? []
      return found === name && inner.split(',').filter(Boolean).toSorted().join() === wanted.toSorted().join()
    })?.[1]
  }

  /** The values of one label among a metric's samples. */
  labels(name: string, label: string): Set<string> {
    const samples = [...this.#samples.keys()].filter((sample) => sample.startsWith(`${name}{`))
    return new Set(samples.map((sample) => new RegExp(`[{,]${label}="([^"]*)"`).exec(sample)?.[1] ?? ''))
  }
}
