import { z } from 'zod'
import { Id } from '../../http/ids.js'
import { PageQuery, pageOf } from '../../http/page.js'

export const BlockParams = z.strictObject({ userId: Id })
export const ListBlocks = PageQuery

const BlockView = z.object({ userId: Id, createdAt: z.iso.datetime() }).meta({ id: 'Block' })
export type BlockView = z.infer<typeof BlockView>
export const BlockPage = pageOf(BlockView)
