import { toObjectId } from '../../src/http/ids.js'
import { AccessTokens } from '../../src/platform/access-tokens.js'
import { aPerson, type Person } from '../support/people.js'
import type { TestApp } from '../support/test-app.js'

/** Whoever may ask, by what they are to the group of a scene, or by what their token is worth. */
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

  const scene = async (): Promise<Scene> => {
    const memberIds = [groupAdmin, member, exMember].map(({ id }) => id)
    const { body: conversation } = await owner.post('/conversations', { type: 'group', name: 'The hill', memberIds }).expect(201)
    const members = `/conversations/${conversation.id}/members`
    await owner.patch(`${members}/${groupAdmin.id}`, { role: 'admin' }).expect(200)
    await owner.delete(`${members}/${exMember.id}`).expect(204)
    const { body: message } = await member.send(conversation.id, {}).expect(201)
    return { conversationId: conversation.id, messageId: message.id }
  }

  const signIn = async (person: Person): Promise<string> => {
    const role = person === systemAdmin ? ({ role: 'admin' } as const) : {}
    const { accessToken } = await app.context.sessions.open({ _id: toObjectId(person.id), ...role }, null)
    return accessToken
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
  return { people, scene, tokenOf }
}
