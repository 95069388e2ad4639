import { z } from 'zod'
import { Id } from '../../http/ids.js'
import { PageQuery, pageOf } from '../../http/page.js'
import { SinceQuery } from '../../http/since.js'
import { ConversationView } from '../conversations/index.js'

export const SyncQuery = PageQuery.extend({
  since: SinceQuery.optional().meta({ description: 'The cursor of an earlier sync; all where there is none' }),
}).refine(({ cursor, since }) => cursor === undefined || since === undefined, { message: 'one of cursor and since' })
export type SyncQuery = z.infer<typeof SyncQuery>

export const SyncPage = pageOf(ConversationView).extend({
  removed: z
    .array(Id)
    .meta({ description: 'Conversations that you are not in any more (on the first page), or have taken off your list (on every page)' }),
  full: z.boolean().meta({ description: 'True where all of your conversations are listed: what is not among them is gone' }),
  cursor: z.string().meta({ description: 'For `since` and `changedSince`, once all pages are read and what they list is fetched' }),
})
