import { z } from 'zod'
import { Id } from '../../http/ids.js'
import { PageQuery } from '../../http/page.js'
import { isWellFormed } from '../../http/text.js'
import { lookUpsOf, termsOf } from './terms.js'

const mostUnits = 500
const mostTerms = 20

const Instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text))

const Question = z
  .string()
  .max(mostUnits, `at most ${mostUnits} characters`)
  .refine(isWellFormed, 'not well-formed Unicode')
  .transform(termsOf)
  .refine((terms) => terms.length <= mostTerms, `at most ${mostTerms} words`)
  .refine((terms) => lookUpsOf(terms).length > 0, 'needs a word of at least two letters')

export const SearchMessages = PageQuery.extend({
  q: Question.meta({
    description:
      'Words, by which a message is found that has them all: outside quotes their beginning is enough, in "quotes" they are a phrase. Case and accents do not matter',
  }),
  conversationId: Id.optional(),
  senderId: Id.optional(),
  from: Instant.optional(),
  to: Instant.optional(),
}).refine(({ from, to }) => !from || !to || from <= to, { path: ['to'], message: 'not before from' })
export type SearchMessages = z.output<typeof SearchMessages>
