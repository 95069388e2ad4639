import { randomUUID } from 'node:crypto'
import type { UserDocument } from '../../src/features/users/index.js'
import { toObjectId } from '../../src/http/ids.js'
import { AccessTokens } from '../../src/platform/access-tokens.js'
import { aPerson, type Person } from '../support/people.js'
import type { TestApp } from '../support/test-app.js'

/** Whoever may ask, by what they are to the group of a scene, or by what their token is worth; `blocked` is so by the owner. */
export const actors = [
  'stranger',
  'expired',
  'revoked',
  'outsider',
  'blocked',
  'exMember',
  'member',
  'groupAdmin',
  'owner',
  'systemAdmin',
] as const
export type Actor = (typeof actors)[number]

/** Not signed in: the token is missing, or no good any more. */
const strangers = ['stranger', 'expired', 'revoked'] as const
type Stranger = (typeof strangers)[number]
export const isStranger = (actor: Actor): actor is Stranger => strangers.some((stranger) => stranger === actor)
type SignedIn = Exclude<Actor, Stranger>
type People = Readonly<Record<SignedIn | 'bystander' | 'suspect', Person>>

/** A group and what was said in it. */
export interface Scene {
  readonly conversationId: string
  /** Sent by the member. */
  readonly messageId: string
}

export interface World {
  readonly people: People
  /** Nobody's of the actors. */
  readonly sessionOfBystander: string
  /** A new group, as it is before anybody touches it. */
  scene(): Promise<Scene>
  /** What an actor shows: an access token of a session that is new, where they are signed in. */
  tokenOf(actor: Actor): Promise<string | undefined>
}

export const aWorld = async (app: TestApp): Promise<World> => {
  const names = ['outsider', 'blocked', 'exMember', 'member', 'groupAdmin', 'owner', 'systemAdmin', 'bystander', 'suspect'] as const
  const registered = await Promise.all(names.map(async (name) => [name, await aPerson(app, { name })] as const))
  const people = Object.fromEntries(registered) as People
  const { owner, groupAdmin, member, exMember, systemAdmin, blocked } = people
  await owner.put(`/blocks/${blocked.id}`).expect(204)

  const users = app.context.mongo.connection.collection<UserDocument>('users')
  await users.updateOne({ _id: toObjectId(systemAdmin.id) }, { $set: { role: 'admin' } })

  /** As they are now: a session of who has changed since has no standing. */
  const signIn = async (person: Person): Promise<string> => {
    const user = await users.findOne({ _id: toObjectId(person.id) })
    if (!user) throw new Error(`${person.name} has an account`)
    return (await app.context.sessions.open(user, null)).accessToken
  }
  /** With a session of its own: an actor may have ended all others. */
  const calls = async (person: Person) => {
    const token = await signIn(person)
    return (method: 'post' | 'patch' | 'delete', path: string, body?: object) =>
      app.request[method](`/api/v1${path}`).auth(token, { type: 'bearer' }).send(body)
  }
  const scene = async (): Promise<Scene> => {
    const [ofOwner, ofMember] = await Promise.all([calls(owner), calls(member)])
    const memberIds = [groupAdmin, member, exMember].map(({ id }) => id)
    const { body: group } = await ofOwner('post', '/conversations', { type: 'group', name: 'The hill', memberIds }).expect(201)
    const members = `/conversations/${group.id}/members`
    await ofOwner('patch', `${members}/${groupAdmin.id}`, { role: 'admin' }).expect(200)
    await ofOwner('delete', `${members}/${exMember.id}`).expect(204)
    const said = { clientId: randomUUID(), text: 'hello' }
    const { body: message } = await ofMember('post', `/conversations/${group.id}/messages`, said).expect(201)
    return { conversationId: group.id, messageId: message.id }
  }

  const revoked = await signIn(member)
  await app.request.post('/api/v1/auth/logout').auth(revoked, { type: 'bearer' }).expect(204)
  const past = new AccessTokens({ ...app.context.config.tokens, accessTtlSeconds: -60 })
  const expired = past.sign({ userId: member.id, sessionId: '0'.repeat(24) })

  const tokenOf = async (actor: Actor): Promise<string | undefined> => {
    if (actor === 'stranger') return undefined
    if (isStranger(actor)) return actor === 'expired' ? expired : revoked
    return signIn(people[actor])
  }
  const ofBystander = await people.bystander.get('/sessions').expect(200)
  return { people, sessionOfBystander: ofBystander.body.items[0].id, scene, tokenOf }
}
