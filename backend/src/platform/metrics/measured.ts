import { Counter, Gauge, type Registry } from 'prom-client'

interface Described {
  readonly name: string
  readonly help: string
}

/** What is read when somebody asks: a number; or one for each value of a label; undefined where it is not known, and nothing is told. */
type Read = () => number | undefined | Readonly<Record<string, number>> | Promise<number | undefined>

/** A number that rises and falls, and is read when it is asked for. */
export const measuredGauge = (registry: Registry, { name, help, label }: Described & { readonly label?: string }, read: Read): void => {
  const gauge: Gauge = new Gauge({
    name,
    help,
    labelNames: label === undefined ? [] : [label],
    registers: [registry],
    async collect() {
      const values = await read()
      gauge.reset()
      if (values === undefined) gauge.remove()
      else if (typeof values === 'number') gauge.set(values)
      else if (label !== undefined) for (const [value, number] of Object.entries(values)) gauge.set({ [label]: value }, number)
    },
  })
}

/** A number that something else counts, and only rises. */
export const measuredCounter = (registry: Registry, described: Described, read: () => number): void => {
  const counter: Counter = new Counter({
    ...described,
    registers: [registry],
    collect() {
      counter.reset()
      counter.inc(read())
    },
  })
}
