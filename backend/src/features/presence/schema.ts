import { z } from 'zod'

export const SayTyping = z.strictObject({ typing: z.boolean() })
