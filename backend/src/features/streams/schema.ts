import { z } from 'zod'

export const StreamQuery = z.strictObject({
  lastEventId: z.string().max(500).optional(),
  ticket: z.string().max(100).optional(),
})

export const TicketView = z
  .object({
    ticket: z.string(),
    expiresIn: z.int().positive().meta({ description: 'Seconds' }),
  })
  .meta({ id: 'Ticket' })
