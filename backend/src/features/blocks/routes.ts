import { endpoint } from '../../http/endpoint.js'
import type { BlockDocument } from './model.js'
import { BlockPage, BlockParams, type BlockView, ListBlocks } from './schema.js'

const viewBlock = ({ blockedId, createdAt }: BlockDocument): BlockView => ({
  userId: blockedId.toHexString(),
  createdAt: createdAt.toISOString(),
})

export const blockUser = endpoint({
  method: 'put',
  path: '/blocks/:userId',
  summary: 'Block somebody: no direct messages, no presence and no typing between you; they do not find you any more',
  access: 'user',
  limit: 'api',
  request: { params: BlockParams },
  responses: { 204: null },
  async handler({ context, caller, params }) {
    if (await context.blockService.block(caller, params.userId)) context.presence.pairChanged(caller.userId, params.userId)
    return { status: 204 }
  },
})

export const unblockUser = endpoint({
  method: 'delete',
  path: '/blocks/:userId',
  summary: 'Lift a block; where there is none, nothing changes',
  access: 'user',
  limit: 'api',
  request: { params: BlockParams },
  responses: { 204: null },
  async handler({ context, caller, params }) {
    if (await context.blockService.unblock(caller, params.userId)) context.presence.pairChanged(caller.userId, params.userId)
    return { status: 204 }
  },
})

export const listBlocks = endpoint({
  method: 'get',
  path: '/blocks',
  summary: 'Whom you have blocked, the latest first',
  access: 'user',
  limit: 'api',
  request: { query: ListBlocks },
  responses: { 200: BlockPage },
  async handler({ context, caller, query }) {
    const { items, nextCursor } = await context.blockService.list(caller, query)
    return { status: 200, body: { items: items.map(viewBlock), nextCursor } }
  },
})
