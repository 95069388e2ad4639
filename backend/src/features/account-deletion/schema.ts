import { z } from 'zod'
import { Password } from '../accounts/index.js'

export const DeleteMe = z.strictObject({
  password: Password.optional().meta({ description: 'Needed where there is one' }),
})
export type DeleteMe = z.infer<typeof DeleteMe>
