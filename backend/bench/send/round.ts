import { randomBytes } from 'node:crypto'
import { mongo } from 'mongoose'
import { quantile, rounded } from '../statistics.js'
import type { Question, Sent } from './contract.js'
import { createDatabase } from './database.js'
import { verify } from './verify.js'
import { sendByAll, sendersPerWorker, type Workers } from './workers.js'

export interface Round {
  readonly perSecond: number
  /** Of the worker that got least: far below half of `perSecond` where one worker starves the other. */
  readonly slowestWorkerPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Messages by insert command. */
  readonly batch: number
  /** Insert commands that met a conflict, by stored message. */
  readonly conflictsPerMessage: number
  readonly failed: number
}

export interface Setup {
  readonly design: Question['design']
  readonly conversations: number
  readonly seconds: number
}

/** One design sends into a database of its own, which is verified and dropped. @throws Error at a violation */
export const measureRound = async (workers: Workers, mongoUrl: string, { design, conversations, seconds }: Setup): Promise<Round> => {
  const database = await createDatabase(mongoUrl, `heliograph_bench_${randomBytes(5).toString('hex')}`)
  try {
    const conversationIds = Array.from({ length: conversations }, () => new mongo.ObjectId().toHexString())
    const all = await sendByAll(workers, { design, database: database.name, conversationIds, senders: sendersPerWorker, seconds })
    const sent = together(all)
    await verify(database.messages, sent)
    return {
      perSecond: rounded(sent.inTime / seconds),
      slowestWorkerPerSecond: rounded(Math.min(...all.map(({ inTime }) => inTime)) / seconds),
      p50Ms: rounded(quantile(sent.latenciesMs, 0.5)),
      p99Ms: rounded(quantile(sent.latenciesMs, 0.99)),
      batch: rounded(sent.acknowledged / Math.max(1, sent.inserts)),
      conflictsPerMessage: rounded(sent.conflicts / Math.max(1, sent.acknowledged)),
      failed: sent.failed,
    }
  } finally {
    await database.drop()
  }
}

const together = (all: readonly Sent[]): Sent => {
  const sum = (figure: Exclude<keyof Sent, 'latenciesMs'>) => all.reduce((total, sent) => total + sent[figure], 0)
  return {
    acknowledged: sum('acknowledged'),
    inTime: sum('inTime'),
    failed: sum('failed'),
    inserts: sum('inserts'),
    conflicts: sum('conflicts'),
    latenciesMs: all.flatMap(({ latenciesMs }) => latenciesMs),
  }
}
