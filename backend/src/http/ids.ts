import { Types } from 'mongoose'
import { z } from 'zod'

/** An id as clients see it: opaque to them, 24 hexadecimal digits to us. */
export const Id = z.string().regex(/^[0-9a-f]{24}$/, 'not an id')

export const toObjectId = (id: string): Types.ObjectId => Types.ObjectId.createFromHexString(id)
