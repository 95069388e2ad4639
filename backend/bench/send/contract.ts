import { z } from 'zod'

export const designs = ['lane', 'single'] as const

/** What a worker is asked: to send for so long into these conversations, by so many senders that each await their commit. */
export const Question = z.object({
  design: z.enum(designs),
  database: z.string(),
  conversationIds: z.array(z.string()),
  senders: z.int(),
  seconds: z.number(),
})
export type Question = z.infer<typeof Question>

export const Sent = z.object({
  /** Acknowledged, by the end or shortly after. */
  acknowledged: z.int(),
  /** Of these, by the end: what the rate is made from. */
  inTime: z.int(),
  /** Of what was acknowledged. */
  latenciesMs: z.array(z.number()),
  /** Commits that threw: whether such a message is stored is not known. */
  failed: z.int(),
  /** Insert commands, and those of them that a conflict refused in whole or from one document on. */
  inserts: z.int(),
  conflicts: z.int(),
})
export type Sent = z.infer<typeof Sent>
