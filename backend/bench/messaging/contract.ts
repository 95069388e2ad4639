import { z } from 'zod'

/** One request of an operation. */
const Call = z.object({
  method: z.enum(['GET', 'POST']),
  path: z.string(),
  token: z.string(),
  body: z.string().optional(),
  /** Another status ends the benchmark, but for 503: that one is refused. */
  expected: z.int(),
})
export type Call = z.infer<typeof Call>

/** What somebody does: its requests one after another. */
export type Operation = readonly Call[]

export const LoadQuestion = z.object({
  port: z.int(),
  operations: z.array(z.array(Call)),
  connections: z.int(),
  /** By the clock, late or not; without it each of the connections begins the next when the last has ended. */
  perSecond: z.number().optional(),
})
export type LoadQuestion = z.infer<typeof LoadQuestion>

export const Loaded = z.object({
  /** Of those that were done; from when they were to begin. */
  latenciesMs: z.array(z.number()),
  /** Answered with 503. */
  refused: z.int(),
  seconds: z.number(),
})
export type Loaded = z.infer<typeof Loaded>

export const Listening = z.object({ port: z.int() })
/** User and system, all threads. */
export const CpuSeconds = z.number()
