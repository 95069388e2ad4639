import type { Caller } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import type { Logger } from '../../platform/logger.js'
import type { Blocks } from '../blocks/index.js'
import type { PresenceService } from '../presence/index.js'
import type { Directory, UserDocument, UserService } from '../users/index.js'
import type { Contacts } from './contacts.js'

interface Dependencies {
  readonly users: Pick<UserService, 'among'>
  readonly directory: Directory
  readonly blocks: Blocks
  readonly contacts: Contacts
  readonly presence: Pick<PresenceService, 'seenAmong'>
  readonly logger: Logger
}

/** A person as another may see them. */
export interface SeenPerson {
  readonly user: UserDocument
  readonly withPhone: boolean
}

export interface PersonWithPresence extends SeenPerson {
  /** Null where the viewer may not see it, or where it is not known. */
  readonly presence: { readonly online: boolean; readonly lastSeenAt: Date | null } | null
}

const idOf = ({ _id }: UserDocument): string => _id.toHexString()

/** What people see of each other. Who has blocked somebody is nobody to them. */
export class PeopleService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * People whose names begin so, without those kept apart from the caller: a page may hold fewer than asked for, and not be the last.
   * @param beginning folded. @throws Problem validation_failed for a bad cursor
   */
  async search(
    caller: Caller,
    beginning: string,
    page: { cursor?: string | undefined; limit: number },
  ): Promise<{ items: SeenPerson[]; nextCursor: string | null }> {
    const { directory, blocks } = this.#deps
    const { items, nextCursor } = await directory.byName(beginning, page)
    const near = new Set(await blocks.without(caller.userId, items.map(idOf)))
    return {
      items: await this.#seen(
        caller,
        items.filter((user) => near.has(idOf(user))),
      ),
      nextCursor,
    }
  }

  /** @throws Problem not_found, for one who has blocked the caller too */
  async get(caller: Caller, userId: string): Promise<SeenPerson> {
    const [person] = await this.#visible(caller, [userId])
    if (!person) throw new Problem('not_found')
    return person
  }

  /** Those of these people who are there and have not blocked the caller, in the order in which they were asked for. */
  async batch(caller: Caller, userIds: readonly string[]): Promise<PersonWithPresence[]> {
    const { presence, logger } = this.#deps
    const people = await this.#visible(caller, userIds)
    const ids = people.map(({ user }) => idOf(user))
    const known = await presence.seenAmong(caller.userId, ids).catch((error: unknown) => {
      logger.warn({ err: error }, 'people were shown without presence')
      return undefined
    })
    return people.map(({ user, withPhone }) => ({ user, withPhone, presence: known?.get(idOf(user)) ?? null }))
  }

  /** The people with these phones who let themselves be found by them, without those kept apart from the caller. */
  async lookUp(caller: Caller, phones: readonly string[]): Promise<SeenPerson[]> {
    const { directory, blocks } = this.#deps
    const found = await directory.byPhones([...new Set(phones)])
    const near = new Set(await blocks.without(caller.userId, found.map(idOf)))
    return found.filter((user) => near.has(idOf(user))).map((user) => ({ user, withPhone: true })) // the caller knows it
  }

  async #visible(caller: Caller, userIds: readonly string[]): Promise<SeenPerson[]> {
    const { users, blocks } = this.#deps
    const { blockers } = await blocks.around(caller.userId, userIds)
    const visible = userIds.filter((userId) => !blockers.has(userId))
    const found = new Map((await users.among(visible)).map((user) => [idOf(user), user]))
    return this.#seen(
      caller,
      visible.flatMap((userId) => found.get(userId) ?? []),
    )
  }

  async #seen({ userId }: Caller, users: readonly UserDocument[]): Promise<SeenPerson[]> {
    const contacts = await this.#deps.contacts.among(userId, users.map(idOf))
    return users.map((user) => ({ user, withPhone: idOf(user) === userId || contacts.has(idOf(user)) }))
  }
}
