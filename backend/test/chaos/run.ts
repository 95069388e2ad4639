import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildBackend } from '../../../dev/build.js'
import { projectFolder } from '../../../dev/services/project.js'
import { temporaryFolder } from '../../../dev/services/temporary-folder.js'
import { breaks, copyOfProduct } from './breaks.js'
import { Random } from './random.js'
import { detailsOf, summaryOf, tableOf } from './report.js'
import { runSeed, type SeedResult } from './run-seed.js'
import { Database } from './services/database.js'
import { World, type WorldKind } from './world.js'

const usage = `npm run chaos -- [--seed N] [--minutes M] [--seeds K] [--people P] [--redis single|sentinel] [--workers plain|pm2] [--fault NAME ...]`
/** What breaking something and putting it right takes, about. */
const secondsOfStep = 15

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '1' },
    people: { type: 'string', default: '12' },
    steps: { type: 'string' },
    redis: { type: 'string' },
    workers: { type: 'string' },
    break: { type: 'string' },
    fault: { type: 'string', multiple: true, default: [] },
  },
})

const wholeNumber = (name: 'seed' | 'seeds' | 'people' | 'steps', text: string): number => {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new Error(`--${name} is a whole number\n${usage}`)
}

const oneOf = <T extends string>(name: string, text: string | undefined, choices: readonly T[]): T | undefined => {
  const chosen = choices.find((choice) => choice === text)
  if (text !== undefined && chosen === undefined) throw new Error(`--${name} is one of ${choices.join(', ')}\n${usage}`)
  return chosen
}

const broken = values.break === undefined ? undefined : breaks[values.break]
if (values.break !== undefined && !broken) throw new Error(`--break is one of ${Object.keys(breaks).join(', ')}\n${usage}`)
const redisGiven = oneOf('redis', values.redis, ['single', 'sentinel']) ?? broken?.redis
const workersGiven = oneOf('workers', values.workers, ['plain', 'pm2']) ?? (broken && 'plain')
const faultNames = values.fault.length > 0 ? values.fault : (broken?.faults ?? [])

/** What a seed runs on; mostly plain processes, under which a worker can be cut off by itself. */
const kindOf = (seed: number): WorldKind => {
  const random = new Random(`world ${seed}`)
  const redis = random.chance(0.5) ? 'single' : 'sentinel'
  const workers = random.chance(0.15) ? 'pm2' : 'plain'
  const [workerCount, shards] = [random.integer(2, 3), random.pick([1, 1, 3])]
  const logEntries = random.chance(0.25) ? 30 : 1000
  return { redis: redisGiven ?? redis, workers: workersGiven ?? workers, workerCount, shards, logEntries }
}

const isSame = (a: WorldKind, b: WorldKind): boolean => JSON.stringify(a) === JSON.stringify(b)

const first = wholeNumber('seed', values.seed)
const count = wholeNumber('seeds', values.seeds)
const minutes = Number(values.minutes)
if (!(minutes > 0 && minutes <= 600)) throw new Error(`--minutes is a number above 0\n${usage}`)
const steps = values.steps === undefined ? Math.max(1, Math.round((minutes * 60) / secondsOfStep)) : wholeNumber('steps', values.steps)
const people = wholeNumber('people', values.people)

await buildBackend()
const distFolder = copyOfProduct(join(projectFolder, 'backend/dist'), values.break)
if (broken) console.log(`broken on purpose: ${broken.about}`)
const folder = temporaryFolder()
const logFolder = mkdtempSync(join(tmpdir(), 'heliograph-chaos-'))
console.log(`the logs of the workers: ${logFolder}`)
const database = await Database.start(folder.path)
const results: SeedResult[] = []
let world: World | undefined
try {
  for (let seed = first; seed < first + count; seed++) {
    const kind = kindOf(seed)
    if (world && !isSame(world.kind, kind)) {
      await world.stop()
      world = undefined
    }
    world ??= await World.start(kind, database, { folder: folder.path, logFolder, distFolder })
    const progress = (line: string) => console.log(`  ${new Date().toISOString().slice(11, 23)} seed ${seed} ${line}`)
    progress(
      `begins with ${Object.entries(kind)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ')}`,
    )
    const outboxes = seed === first + count - 1
    const result = await runSeed(world, { seed, minutes, people, devicesOfEach: 2, steps, faultNames, outboxes, progress })
    results.push(result)
    console.log(summaryOf(result))
    if (result.findings.violations.length > 0) console.log(detailsOf(result))
  }
} finally {
  await world?.stop()
  await database.stop()
  folder.remove()
  rmSync(distFolder, { recursive: true, force: true })
}
console.log(tableOf(results))
const found = results.filter(({ findings }) => findings.violations.length > 0)
console.log(found.length === 0 ? 'every promise kept' : `promises broken with seeds ${found.map(({ seed }) => seed).join(' ')}`)
process.exitCode = found.length === 0 ? 0 : 1
