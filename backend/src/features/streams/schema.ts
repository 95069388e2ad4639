import { z } from 'zod'

export const StreamQuery = z.strictObject({ lastEventId: z.string().max(500).optional() })
