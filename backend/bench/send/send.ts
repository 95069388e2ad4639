import { randomBytes } from 'node:crypto'
import { Closing } from '../../../dev/start/closing.js'
import { compileBench } from '../compile.js'
import { withDatabase } from '../database.js'
import { report } from '../results.js'
import { obtainServices } from '../services.js'
import { median, rounded } from '../statistics.js'
import { designs } from './contract.js'
import { createDatabase } from './database.js'
import { measureRound, type Round } from './round.js'
import { sendersPerWorker, startWorkers, workersPerDesign } from './workers.js'

const rounds = 3
const roundSeconds = 4
const warmUpSeconds = 2
/** Conversations that are sent into, and how many times faster than single inserts the lane is to be. */
const scenarios = [
  { conversations: 1, goal: 20 },
  { conversations: 500, goal: 4 },
] as const
const about = { lane: 'commit lane', single: 'one insert per message' } as const

/** `npm run bench -- send`: messages committed per second by two workers, into one conversation and into 500. */
export const benchSend = async (): Promise<void> => {
  const closing = new Closing()
  try {
    const compiled = await compileBench()
    const { mongoDb, redis } = await obtainServices(closing)
    const own = await createDatabase(mongoDb.url, `heliograph_bench_${randomBytes(5).toString('hex')}`) // for the workers' meta document
    closing.add(() => own.drop())
    const workers = await startWorkers({
      script: compiled('send/worker.js'),
      mongoUrl: withDatabase(mongoDb.url, own.name),
      redisUrl: redis.url,
      closing,
    })

    const cells = scenarios.flatMap(({ conversations }) => designs.map((design) => ({ design, conversations, rounds: [] as Round[] })))
    for (const { design, conversations } of cells)
      await measureRound(workers, mongoDb.url, { design, conversations, seconds: warmUpSeconds })
    for (let round = 1; round <= rounds; round++) {
      for (const cell of cells) {
        const measured = await measureRound(workers, mongoDb.url, { ...cell, seconds: roundSeconds })
        cell.rounds.push(measured)
        console.log(`round ${round} of ${rounds}: ${about[cell.design]} into ${cell.conversations}: ${measured.perSecond}/s`)
      }
    }
    tell(cells, `${mongoDb.description}, version ${own.version}`)
  } finally {
    await closing.close()
  }
}

interface Cell {
  readonly design: (typeof designs)[number]
  readonly conversations: number
  readonly rounds: readonly Round[]
}

const tell = (cells: readonly Cell[], database: string): void => {
  const figureOf = (cell: Cell | undefined, figure: keyof Round) => median(cell?.rounds.map((round) => round[figure]) ?? [])
  const find = (design: Cell['design'], conversations: number) =>
    cells.find((cell) => cell.design === design && cell.conversations === conversations)
  const ratios = scenarios.map(({ conversations, goal }) => {
    const [ours, single] = designs.map((design) => figureOf(find(design, conversations), 'perSecond'))
    const ratio = rounded((ours ?? 0) / (single ?? 0))
    return { conversations, ratio, goal, reached: ratio >= goal }
  })
  const figures = ['perSecond', 'slowestWorkerPerSecond', 'p50Ms', 'p99Ms', 'batch', 'conflictsPerMessage', 'failed'] as const
  const rows = cells.map((cell) => [
    about[cell.design],
    String(cell.conversations),
    ...figures.map((figure) => String(figureOf(cell, figure))),
  ])
  report('send', {
    rows: [
      [
        'design',
        'conversations',
        'messages/s',
        'slower worker/s',
        'p50 ms',
        'p99 ms',
        'messages an insert',
        'conflicts a message',
        'failed',
      ],
      ...rows,
    ],
    summary: ratios
      .map(
        ({ conversations, ratio, goal, reached }) => `into ${conversations}: ${ratio}x (goal ${goal}x: ${reached ? 'reached' : 'MISSED'})`,
      )
      .join('; '),
    figures: { database, workers: workersPerDesign, sendersPerWorker, roundSeconds, ratios, cells },
  })
}
