import { randomUUID } from 'node:crypto'
import { aPassword, aPhone, type Person } from '../support/people.js'
import { aVerifier, challengeOf } from '../support/qr.js'
import { type Actor, actors, type Scene, type World } from './world.js'

/** What a row asks with; the path's parameters come first. */
interface Asked {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string>>
  readonly body?: object
}

export interface Row {
  /** True where it changes the whole server. */
  readonly ofAll?: true
  /** The status that each is answered with. */
  readonly expected: Readonly<Record<Actor, number>>
  ask(scene: Scene, world: World, actor: Actor): Asked
}

type Expected = Row['expected']

const all = (status: number): Expected => Object.fromEntries(actors.map((actor) => [actor, status])) as Expected
const noStranger = { stranger: 401, expired: 401, revoked: 401 }

/** Of nobody. */
const signature = { expires: '99999999999', signature: 'A'.repeat(43) }

/** Whoever asks, signed in or not. */
const anyone = (status: number): Expected => all(status)
/** Whoever is signed in. */
const people = (status: number): Expected => ({ ...all(status), ...noStranger })
/** Who is in the group; to all others it does not exist, the system's administrators among them. */
const members = (status: number, others: Partial<Expected> = {}): Expected => ({
  ...people(404),
  member: status,
  groupAdmin: status,
  owner: status,
  ...others,
})

/** Administrators of the system alone. */
const administrators = (status: number): Expected => ({ ...people(403), systemAdmin: status })

const nothing = () => ({})
/** An id that nothing has. */
const nowhere = { id: 'f'.repeat(24) }
const conversation = ({ conversationId }: Scene): Asked => ({ params: { conversationId } })
const suspect: Row['ask'] = (
  _scene,
  {
    people: {
      suspect: { id },
    },
  },
) => ({ params: { userId: id } })
const upload = (): Asked => ({ params: { uploadId: '0'.repeat(24) } })
const message = ({ messageId }: Scene): Asked => ({ params: { messageId } })
const reaction = ({ messageId }: Scene): Asked => ({ params: { messageId, emoji: '👍' } })
const about = (scene: Scene, { id }: Person): Asked => ({ params: { conversationId: scene.conversationId, userId: id } })

/** A line for every endpoint: what each actor is answered, and what is asked. */
export const rows: Readonly<Record<string, Row>> = {
  'GET /health': { expected: anyone(200), ask: nothing },
  'GET /health/live': { expected: anyone(200), ask: nothing },
  'GET /health/ready': { expected: anyone(200), ask: nothing },
  'GET /ready': { expected: anyone(200), ask: nothing },
  'GET /config': { expected: anyone(200), ask: nothing },
  'GET /sse': { expected: people(200), ask: nothing },

  'POST /auth/register': { expected: anyone(201), ask: () => ({ body: { phone: aPhone(), password: aPassword(), name: 'New' } }) },
  'POST /auth/login': { expected: anyone(401), ask: () => ({ body: { phone: aPhone(), password: aPassword() } }) },
  'POST /auth/refresh': { expected: anyone(401), ask: () => ({ body: { refreshToken: randomUUID() } }) },
  'POST /auth/otp/start': { expected: anyone(202), ask: () => ({ body: { phone: aPhone() } }) },
  'POST /auth/otp/verify': { expected: anyone(401), ask: () => ({ body: { phone: aPhone(), code: '123456' } }) },
  'PUT /auth/email': { expected: people(202), ask: () => ({ body: { email: `${randomUUID()}@example.com` } }) },
  'POST /auth/email/verify': { expected: anyone(401), ask: () => ({ body: { token: randomUUID() } }) },
  'POST /auth/password/forgot': { expected: anyone(202), ask: () => ({ body: { phone: aPhone() } }) },
  'POST /auth/password/reset': { expected: anyone(401), ask: () => ({ body: { token: randomUUID(), newPassword: aPassword() } }) },
  'PUT /auth/phone': { expected: people(401), ask: () => ({ body: { phone: aPhone(), code: '123456', password: aPassword() } }) },
  'POST /auth/token': { expected: anyone(401), ask: () => ({ body: { apiKey: randomUUID() } }) },
  'PUT /auth/password': { expected: people(401), ask: () => ({ body: { currentPassword: aPassword(), newPassword: aPassword() } }) },
  'POST /auth/totp': { expected: people(401), ask: () => ({ body: { password: aPassword() } }) },
  'POST /auth/totp/confirm': { expected: people(409), ask: () => ({ body: { code: '000000' } }) },
  'DELETE /auth/totp': { expected: people(409), ask: () => ({ body: { password: aPassword(), code: '000000' } }) },
  'POST /auth/logout': { expected: people(204), ask: nothing },
  'POST /auth/logout-all': { expected: people(204), ask: nothing },
  'GET /sessions': { expected: people(200), ask: nothing },
  'DELETE /sessions': { expected: people(204), ask: nothing },
  'DELETE /sessions/:sessionId': { expected: people(404), ask: (_scene, { sessionOfBystander: sessionId }) => ({ params: { sessionId } }) },
  'POST /sse/ticket': { expected: people(201), ask: nothing },

  'POST /auth/qr': { expected: anyone(201), ask: () => ({ body: { challenge: challengeOf(aVerifier()) } }) },
  'GET /auth/qr/:id': { expected: anyone(404), ask: () => ({ params: nowhere, query: { verifier: aVerifier() } }) },
  'GET /auth/qr/:id/events': { expected: anyone(404), ask: () => ({ params: nowhere, query: { verifier: aVerifier() } }) },
  'POST /auth/qr/:id/exchange': { expected: anyone(404), ask: () => ({ params: nowhere, body: { verifier: aVerifier() } }) },
  'POST /auth/qr/scan': { expected: people(404), ask: () => ({ body: { token: aVerifier() } }) },
  'POST /auth/qr/:id/approve': { expected: people(404), ask: () => ({ params: nowhere, body: { code: '42' } }) },
  'POST /auth/qr/:id/deny': { expected: people(404), ask: () => ({ params: nowhere }) },

  'GET /users/me': { expected: people(200), ask: nothing },
  'PATCH /users/me': { expected: people(200), ask: () => ({ body: { settings: { presence: true } } }) },

  'DELETE /users/me': { expected: people(401), ask: () => ({ body: { password: aPassword() } }) },
  'POST /users/me/export': { expected: people(202), ask: nothing },
  'GET /users/me/export/:exportId': { expected: people(404), ask: () => ({ params: { exportId: '0'.repeat(24) } }) },
  'GET /users/me/export/:exportId/content': { expected: people(404), ask: () => ({ params: { exportId: '0'.repeat(24) } }) },

  'GET /users': { expected: people(200), ask: () => ({ query: { q: 'owner' } }) },
  'GET /users/:userId': {
    expected: { ...people(200), blocked: 404 },
    ask: (_scene, { people: { owner } }) => ({ params: { userId: owner.id } }),
  },
  'POST /users/batch': { expected: people(200), ask: (_scene, { people: { owner } }) => ({ body: { ids: [owner.id] } }) },
  'POST /contacts/lookup': { expected: people(200), ask: (_scene, { people: { owner } }) => ({ body: { phones: [owner.phone] } }) },
  'PUT /blocks/:userId': { expected: people(204), ask: (_scene, { people: { bystander } }) => ({ params: { userId: bystander.id } }) },
  'DELETE /blocks/:userId': { expected: people(204), ask: (_scene, { people: { bystander } }) => ({ params: { userId: bystander.id } }) },
  'GET /blocks': { expected: people(200), ask: nothing },
  'POST /reports': { expected: members(201), ask: ({ conversationId }) => ({ body: { conversationId, reason: 'spam' } }) },
  'GET /admin/reports': { expected: administrators(200), ask: nothing },
  'POST /admin/reports/:reportId/resolve': {
    expected: administrators(404),
    ask: () => ({ params: { reportId: '0'.repeat(24) }, body: { action: 'dismissed' } }),
  },

  'POST /conversations': {
    expected: people(201),
    ask: (_scene, { people: { bystander } }) => ({ body: { type: 'group', name: 'Another', memberIds: [bystander.id] } }),
  },
  'GET /conversations': { expected: people(200), ask: nothing },
  'GET /conversations/:conversationId': { expected: members(200), ask: conversation },
  'PATCH /conversations/:conversationId': {
    expected: members(200, { member: 403 }),
    ask: (scene) => ({ ...conversation(scene), body: { name: 'Renamed' } }),
  },
  'DELETE /conversations/:conversationId': { expected: members(204, { member: 403, groupAdmin: 403 }), ask: conversation },
  'PUT /conversations/:conversationId/settings': {
    expected: members(200),
    ask: (scene) => ({ ...conversation(scene), body: { archived: true } }),
  },
  'GET /conversations/:conversationId/members': { expected: members(200), ask: conversation },
  'POST /conversations/:conversationId/members': {
    expected: members(200, { member: 403 }),
    ask: (scene, { people: { bystander } }) => ({ ...conversation(scene), body: { userIds: [bystander.id] } }),
  },
  'PATCH /conversations/:conversationId/members/:userId': {
    expected: members(200, { member: 403, groupAdmin: 403 }),
    ask: (scene, { people: { member } }) => ({ ...about(scene, member), body: { role: 'admin' } }),
  },
  'DELETE /conversations/:conversationId/members/:userId': {
    expected: members(403, { owner: 204 }),
    ask: (scene, { people: { groupAdmin, owner } }, actor) => about(scene, actor === 'groupAdmin' ? owner : groupAdmin),
  },
  'POST /conversations/:conversationId/invites': { expected: members(201, { member: 403 }), ask: conversation },
  'GET /conversations/:conversationId/invites': { expected: members(200, { member: 403 }), ask: conversation },
  'POST /invites/:code/accept': { expected: people(404), ask: () => ({ params: { code: 'x'.repeat(22) } }) },
  'DELETE /invites/:code': { expected: people(404), ask: () => ({ params: { code: 'x'.repeat(22) } }) },
  'POST /conversations/:conversationId/leave': { expected: members(204), ask: conversation },

  'POST /conversations/:conversationId/messages': {
    expected: members(201),
    ask: (scene) => ({ ...conversation(scene), body: { clientId: randomUUID(), text: 'hello' } }),
  },
  'GET /conversations/:conversationId/messages': { expected: members(200), ask: conversation },
  'GET /messages/search': {
    expected: members(200),
    ask: ({ conversationId }) => ({ query: { q: 'hello', conversationId } }),
  },
  'GET /messages/:messageId': { expected: members(200), ask: message },
  'GET /messages/:messageId/history': { expected: members(200), ask: message },
  'PATCH /messages/:messageId': {
    expected: members(403, { member: 200 }),
    ask: (scene) => ({ ...message(scene), body: { text: 'edited' } }),
  },
  'DELETE /messages/:messageId': { expected: members(200), ask: (scene) => ({ ...message(scene), query: { scope: 'all' } }) },
  'PUT /messages/:messageId/reactions/:emoji': { expected: members(200), ask: reaction },
  'DELETE /messages/:messageId/reactions/:emoji': { expected: members(200), ask: reaction },
  'GET /messages/:messageId/receipts': { expected: members(200), ask: message },
  'POST /conversations/:conversationId/receipts': {
    expected: members(204),
    ask: (scene) => ({ ...conversation(scene), body: { readSeq: 1 } }),
  },
  'POST /conversations/:conversationId/typing': {
    expected: members(204),
    ask: (scene) => ({ ...conversation(scene), body: { typing: true } }),
  },
  'POST /uploads': {
    expected: people(201),
    ask: () => ({
      body: { fileName: 'a.png', contentType: 'image/png', size: 1, checksumSha256: `${'A'.repeat(43)}=`, purpose: 'attachment' },
    }),
  },
  'POST /uploads/urls': { expected: people(200), ask: () => ({ body: { ids: ['0'.repeat(24)] } }) },
  'POST /uploads/:uploadId/complete': { expected: people(404), ask: upload },
  'POST /uploads/:uploadId/parts': { expected: people(404), ask: () => ({ ...upload(), body: { numbers: [1] } }) },
  'DELETE /uploads/:uploadId': { expected: people(404), ask: upload },
  'GET /uploads/:uploadId': { expected: people(404), ask: upload },
  'GET /uploads/:uploadId/content': { expected: people(404), ask: upload },
  'GET /sync': { expected: people(200), ask: nothing },

  // by its signature, whoever shows it
  'PUT /uploads/local/:object': {
    expected: anyone(403),
    ask: () => ({ params: { object: `pending.${'0'.repeat(24)}` }, query: { size: '1', sha256: `${'A'.repeat(43)}=`, ...signature } }),
  },
  'PUT /uploads/local/:object/:multipart/:number': {
    expected: anyone(403),
    ask: () => ({
      params: { object: `pending.${'0'.repeat(24)}`, multipart: '0'.repeat(32), number: '1' },
      query: { size: '1', ...signature },
    }),
  },
  'GET /uploads/local/:object': {
    expected: anyone(403),
    ask: () => ({
      params: { object: `final.${'0'.repeat(24)}.original` },
      query: { type: 'image/png', disposition: 'inline', ...signature },
    }),
  },

  'GET /admin/users': { expected: administrators(200), ask: nothing },
  'POST /admin/users/:userId/suspend': { expected: administrators(200), ask: suspect },
  'POST /admin/users/:userId/reinstate': { expected: administrators(200), ask: suspect },
  'POST /admin/users/:userId/sessions/revoke': { expected: administrators(204), ask: suspect },
  'GET /admin/audit': { expected: administrators(200), ask: nothing },
  'GET /admin/stats': { expected: administrators(200), ask: nothing },
  'POST /admin/api-keys': { expected: administrators(201), ask: () => ({ body: { name: 'A machine', scopes: ['admin'] } }) },
  'GET /admin/api-keys': { expected: administrators(200), ask: nothing },
  'DELETE /admin/api-keys/:apiKeyId': { expected: administrators(404), ask: () => ({ params: { apiKeyId: '0'.repeat(24) } }) },
  'POST /admin/conversations/:conversationId/check': { expected: administrators(200), ask: conversation },
  'POST /admin/lockdown': { ofAll: true, expected: administrators(204), ask: nothing },
  'POST /admin/reopen': { ofAll: true, expected: administrators(204), ask: nothing },
  'POST /admin/sessions/revoke-all': { ofAll: true, expected: administrators(204), ask: nothing },
}
