import { z } from 'zod'
import type { Closing } from '../../../dev/start/closing.js'
import { type Child, startChild } from '../child.js'
import { type Question, Sent } from './contract.js'

export const workersPerDesign = 2
export const sendersPerWorker = 64

/** Connections of a worker: ours by its own default, the plain way by the driver's. */
const poolSizes: Readonly<Record<Question['design'], number>> = { lane: 10, single: 100 }
const graceSeconds = 30

export type Workers = Readonly<Record<Question['design'], readonly Child<string>[]>>
interface Options {
  readonly script: string
  readonly mongoUrl: string
  readonly redisUrl: string
  readonly closing: Closing
}

/** The workers of both designs; those that are not asked do nothing. */
export const startWorkers = async ({ script, mongoUrl, redisUrl, closing }: Options): Promise<Workers> => {
  const start = (design: Question['design']) => {
    const environment = { MONGO_URI: mongoUrl, REDIS_URL: redisUrl, POOL_SIZE: String(poolSizes[design]) }
    const starting = Array.from({ length: workersPerDesign }, () => startChild(z.string(), { script, environment, closing }))
    return Promise.all(starting)
  }
  return { lane: await start('lane'), single: await start('single') }
}

/** Lets a design's workers send at once. @returns what each of them did */
export const sendByAll = (workers: Workers, question: Question): Promise<Sent[]> =>
  Promise.all(workers[question.design].map((worker) => worker.ask(Sent, question, question.seconds + graceSeconds)))
