import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { table } from '../../dev/table.js'

const folder = new URL('results/', import.meta.url)

/** Where it was measured. `load` is that of the last minute, when the benchmark ended. */
const machine = () => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  load: Number(loadavg()[0]?.toFixed(2)),
})

interface Results {
  /** The first row is the heading. */
  readonly rows: readonly (readonly string[])[]
  /** The claim in one sentence, with the figure that was reached. */
  readonly summary: string
  readonly figures: unknown
}

/** Prints a table and writes results/<name>-<date>.json; a second run on a day replaces the first. */
export const report = (name: string, { rows, summary, figures }: Results): void => {
  const at = new Date().toISOString()
  const described = machine()
  const file = fileURLToPath(new URL(`${name}-${at.slice(0, 10)}.json`, folder))
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, `${JSON.stringify({ name, at, machine: described, figures }, undefined, 2)}\n`)
  console.log(
    `\n${table(rows)}\n\n${summary}\n${Object.entries(described)
      .map(([key, value]) => `${key} ${value}`)
      .join(', ')}\n${file}`,
  )
}
