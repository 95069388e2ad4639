import type { Model } from 'mongoose'
import { z } from 'zod'
import type { Caller, Origin } from '../../http/endpoint.js'
import { Id, toObjectId } from '../../http/ids.js'
import { decodeCursor, encodeCursor } from '../../http/page.js'
import { Problem } from '../../http/problem.js'
import type { AccessTokens } from '../../platform/access-tokens.js'
import { isDuplicateKey } from '../../platform/duplicate-key.js'
import { hashOfToken, newToken } from '../../platform/random-tokens.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import { outboxEntry } from '../../realtime/outbox-entry.js'
import { type AuditLog, actorOf } from '../audit/index.js'
import type { RevokedSessions } from '../sessions/index.js'
import type { ApiKeyDocument } from './model.js'
import type { CreateApiKey } from './schema.js'

interface Dependencies {
  readonly keys: Model<ApiKeyDocument>
  readonly accessTokens: AccessTokens
  readonly revoked: RevokedSessions
  readonly audit: AuditLog
  readonly outbox: Outbox
  readonly source: OutboxSource
  /** This worker's name in outboxes. */
  readonly worker: string
}

/** By this a leaked key is known for one of ours. */
const mark = 'hgk_'
const keyBytes = 32
const prefixLength = mark.length + 6
const mostKeys = 100
const tokenTtlSeconds = 15 * 60

const Cursor = z.tuple([z.literal('api-key'), Id])

/** Keys of machines, and the short-lived tokens that they are traded for. A token names its key where a person's names a session, and ends with it. */
export class ApiKeyService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * @param newId its id; one that has it already, whose answer was lost, is given another secret
   * @returns the key itself, which is stored nowhere. @throws Problem forbidden for a machine, conflict where there are a hundred or it was revoked
   */
  async create(caller: Caller, input: CreateApiKey, origin: Origin, newId: string): Promise<{ key: ApiKeyDocument; apiKey: string }> {
    const { keys, audit } = this.#deps
    if (caller.scopes) throw new Problem('forbidden', 'People alone make API keys')
    const apiKey = mark + newToken(keyBytes)
    const secret = { prefix: apiKey.slice(0, prefixLength), hash: hashOfToken(apiKey) }
    const _id = toObjectId(newId)
    const known = await keys.findOneAndUpdate({ _id, revokedAt: { $exists: false } }, { $set: secret }, { returnDocument: 'after' }).lean()
    const key = known ?? (await this.#insert({ ...input, ...secret, _id, createdBy: toObjectId(caller.userId), createdAt: new Date() }))
    const { name, scopes } = key
    await audit.record({ ...done('api_key.created', caller, key), origin, detail: { name, scopes: scopes.join(' ') } })
    return { key, apiKey }
  }

  async #insert(key: ApiKeyDocument): Promise<ApiKeyDocument> {
    const { keys } = this.#deps
    const living = await keys.countDocuments({ revokedAt: { $exists: false }, expiresAt: { $gt: key.createdAt } })
    if (living >= mostKeys) throw new Problem('conflict', `There are ${mostKeys} API keys: revoke one first`)
    try {
      return (await keys.create(key)).toObject()
    } catch (error) {
      if (isDuplicateKey(error)) throw new Problem('conflict', 'This API key was revoked')
      throw error
    }
  }

  /** A page of all keys, newest first. @throws Problem validation_failed for a cursor that is none */
  async list({
    cursor,
    limit,
  }: {
    cursor?: string | undefined
    limit: number
  }): Promise<{ items: ApiKeyDocument[]; nextCursor: string | null }> {
    const before = cursor === undefined ? undefined : decodeCursor(Cursor, cursor)[1]
    const found = await this.#deps.keys
      .find(before === undefined ? {} : { _id: { $lt: toObjectId(before) } })
      .sort({ _id: -1 })
      .limit(limit + 1)
      .lean()
    const items = found.slice(0, limit)
    const last = items.at(-1)
    return { items, nextCursor: found.length > limit && last ? encodeCursor(['api-key', last._id.toHexString()]) : null }
  }

  /** Ends a key and its tokens, at every worker; answered once that is published, or after 10 s. @throws Problem not_found */
  async revoke(caller: Caller, apiKeyId: string, origin: Origin): Promise<void> {
    const { keys, revoked, audit, outbox, source, worker } = this.#deps
    const at = new Date()
    const key = await keys
      .findOneAndUpdate(
        { _id: toObjectId(apiKeyId), revokedAt: { $exists: false } },
        { $set: { revokedAt: at }, $push: { outbox: outboxEntry(worker, 'session.revoked', at) } },
        { returnDocument: 'after' },
      )
      .lean()
    if (!key) throw new Problem('not_found')
    revoked.note(apiKeyId)
    await outbox.publishAndWait(source, key)
    await audit.record({ ...done('api_key.revoked', caller, key), origin })
  }

  /** Trades a key for an access token. @throws Problem unauthenticated where it is not good (any more) */
  async exchange(apiKey: string, origin: Origin): Promise<{ accessToken: string; expiresIn: number }> {
    const { keys, accessTokens, audit } = this.#deps
    const now = new Date()
    const key = await keys
      .findOneAndUpdate(
        { hash: hashOfToken(apiKey), revokedAt: { $exists: false }, expiresAt: { $gt: now } },
        { $set: { lastUsedAt: now } },
        { returnDocument: 'after' },
      )
      .lean()
    if (!key) {
      await audit.record({ action: 'service_token.issued', outcome: 'refused', actor: { kind: 'service' }, origin })
      throw new Problem('unauthenticated', 'The API key is not good')
    }
    const id = key._id.toHexString()
    await audit.record({ action: 'service_token.issued', outcome: 'done', actor: { kind: 'service', id }, origin })
    const leftSeconds = Math.floor((key.expiresAt.getTime() - now.getTime()) / 1000)
    const expiresIn = Math.max(1, Math.min(tokenTtlSeconds, accessTokens.ttlSeconds, leftSeconds)) // no longer than a revoked one is remembered
    return { accessToken: accessTokens.sign({ userId: id, sessionId: id, scopes: key.scopes }, expiresIn), expiresIn }
  }
}

const done = (action: string, caller: Caller, key: ApiKeyDocument) =>
  ({
    action,
    outcome: 'done',
    actor: actorOf(caller),
    target: { kind: 'api_key', id: key._id.toHexString() },
  }) as const
