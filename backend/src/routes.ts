import { login, refresh, register } from './features/accounts/index.js'
import { createConversation, getConversation, listConversations } from './features/conversations/index.js'
import { deleteMessage, editMessage, getMessage, listMessages, sendMessage } from './features/messages/index.js'
import { getHealth, getLiveness, getReadiness, getReady } from './features/operations/index.js'
import { logout } from './features/sessions/index.js'
import { issueTicket, openStream } from './features/streams/index.js'
import { getMe } from './features/users/index.js'
import type { AnyEndpoint } from './http/endpoint.js'

/** Every endpoint, by where it hangs. */
export const routes: Readonly<Record<'' | '/api/v1', readonly AnyEndpoint[]>> = {
  '': [getHealth, getLiveness, getReadiness, getReady, openStream],
  '/api/v1': [
    register,
    login,
    refresh,
    logout,
    getMe,
    createConversation,
    listConversations,
    getConversation,
    sendMessage,
    listMessages,
    getMessage,
    editMessage,
    deleteMessage,
    issueTicket,
  ],
}
