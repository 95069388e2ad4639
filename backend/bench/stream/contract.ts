import { z } from 'zod'

/** What a server is asked. It publishes a message a turn (or a burst), into one of these conversations after the other. */
export const Plan = z.object({
  conversations: z.array(z.int()),
  turns: z.int(),
  turnsPerSecond: z.number(),
  burst: z.int(),
})
export type Plan = z.infer<typeof Plan>

export const ServerQuestion = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('cpu') }),
  z.object({ kind: z.literal('memory') }),
  z.object({ kind: z.literal('publish'), plan: Plan }),
])
export type ServerQuestion = z.infer<typeof ServerQuestion>

export const Listening = z.object({ port: z.int() })
/** User and system, all threads. */
export const CpuSeconds = z.number()
/** After a garbage collection, in bytes. `heap` is all that V8 knows of, buffers included. */
export const Memory = z.object({ resident: z.number(), heap: z.number() })
export type Memory = z.infer<typeof Memory>
export const Published = z.object({ messages: z.int() })

/** One stream to open. */
const Target = z.object({ port: z.int(), path: z.string(), token: z.string() })
export type Target = z.infer<typeof Target>

/** What the process with the clients is asked. A group is all streams of a contender. */
export const LoadQuestion = z.discriminatedUnion('kind', [
  /** `greeting` is in the first frame; the stream is open when it came. */
  z.object({ kind: z.literal('open'), group: z.string(), targets: z.array(Target), greeting: z.string() }),
  /** Forgets what was counted so far. */
  z.object({ kind: z.literal('begin'), group: z.string() }),
  /** Waits until so many events came, and tells what was counted. */
  z.object({ kind: z.literal('finish'), group: z.string(), expected: z.int(), deadlineSeconds: z.number() }),
  /** Ends the streams; their positions are kept. */
  z.object({ kind: z.literal('leave'), group: z.string() }),
  /** Opens them all again at once, each where it was, and waits until so many events came. */
  z.object({ kind: z.literal('return'), group: z.string(), greeting: z.string(), expected: z.int(), deadlineSeconds: z.number() }),
])
export type LoadQuestion = z.infer<typeof LoadQuestion>

export const Opened = z.object({ streams: z.int() })

/** What the clients of a group saw. */
export const Tally = z.object({
  /** Each event once. */
  received: z.int(),
  duplicated: z.int(),
  /** Events that came after a later one, or of which a later one came first. */
  disordered: z.int(),
  /** Streams that ended without having been asked to. */
  ended: z.int(),
  /** From the moment before the publisher made the message, by the machine's monotonic clock. */
  p50Ms: z.number(),
  p99Ms: z.number(),
  maxMs: z.number(),
  /** From `begin` or `return` to the last event. */
  seconds: z.number(),
  /** Attempts that the server reset, or answered with 503. */
  refused: z.int(),
})
export type Tally = z.infer<typeof Tally>
