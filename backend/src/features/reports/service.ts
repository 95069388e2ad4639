import type { Model } from 'mongoose'
import { z } from 'zod'
import type { Caller, Origin } from '../../http/endpoint.js'
import { Id, toObjectId } from '../../http/ids.js'
import { decodeCursor, encodeCursor } from '../../http/page.js'
import { Problem } from '../../http/problem.js'
import type { ReadPreference } from '../../platform/read-preference.js'
import { type AdministrationService, byCaller } from '../admin/index.js'
import type { AuditLog } from '../audit/index.js'
import type { Memberships } from '../conversations/index.js'
import type { MessageService } from '../messages/index.js'
import type { UserService } from '../users/index.js'
import type { ReportDocument } from './model.js'
import type { ListReports, MakeReport, ResolveReport } from './schema.js'

interface Dependencies {
  readonly reports: Model<ReportDocument>
  /** Where the list is read: it may be behind, and what becomes of a report is decided by the primary's. */
  readonly listsFrom: ReadPreference
  readonly users: Pick<UserService, 'unknownAmong'>
  readonly memberships: Pick<Memberships, 'isMember'>
  readonly messages: Pick<MessageService, 'get'>
  readonly administration: Pick<AdministrationService, 'suspend'>
  readonly audit: Pick<AuditLog, 'record'>
}

/** What a report is about. */
type Subject = Pick<ReportDocument, 'userId' | 'conversationId' | 'message'>

const Position = z.tuple([z.enum(['open', 'resolved']), Id])

/** What people report to administrators, and what these make of it. */
export class ReportService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Reports somebody, a message or a conversation. @param newId its id; what has it already is returned
   * @throws Problem not_found for what the caller may not know, validation_failed for oneself and for a message that is not of this person or conversation
   */
  async make(caller: Caller, input: MakeReport, origin: Origin, newId: string): Promise<ReportDocument> {
    const { reports, audit } = this.#deps
    const _id = toObjectId(newId)
    const known = await reports.findOne({ _id }).read('primary').lean()
    if (known) return known
    const created = await reports.create({
      _id,
      ...(await this.#subjectOf(caller, input)),
      reporterId: toObjectId(caller.userId),
      status: 'open',
      reason: input.reason,
      text: input.text ?? null,
      createdAt: new Date(),
    })
    const target = { kind: 'report', id: created._id.toHexString() }
    const actor = { kind: caller.role ?? 'user', id: caller.userId } as const
    await audit.record({ action: 'report.made', outcome: 'done', actor, target, origin, detail: { reason: input.reason } })
    return created.toObject()
  }

  /** The newest first. @throws Problem validation_failed for a cursor of another list */
  async list({ status, cursor, limit }: ListReports): Promise<{ items: ReportDocument[]; nextCursor: string | null }> {
    const after =
      cursor === undefined
        ? undefined
        : decodeCursor(
            Position.refine(([of]) => of === status),
            cursor,
          )
    const found = await this.#deps.reports
      .find({ status, ...(after && { _id: { $lt: toObjectId(after[1]) } }) })
      .sort({ _id: -1 })
      .hint('status')
      .limit(limit + 1)
      .read(this.#deps.listsFrom)
      .lean()
    const items = found.slice(0, limit)
    const last = found.length > limit ? items.at(-1) : undefined
    return { items, nextCursor: last ? encodeCursor([status, last._id.toHexString()] satisfies z.infer<typeof Position>) : null }
  }

  /**
   * Says what becomes of a report, once; who is to be suspended is before that is written, so what it says is so.
   * @throws Problem not_found, conflict where it is resolved already, or where who is reported cannot be suspended
   */
  async resolve(caller: Caller, reportId: string, { action, note }: ResolveReport, origin: Origin): Promise<ReportDocument> {
    const { reports, administration, audit } = this.#deps
    const report = await reports.findById(toObjectId(reportId)).read('primary').lean()
    if (!report) throw new Problem('not_found')
    if (report.status === 'resolved') throw resolved()
    const by = byCaller(caller, origin)
    if (action === 'suspended') {
      if (!report.userId) throw new Problem('conflict', 'The report names nobody who could be suspended')
      await administration.suspend(report.userId.toHexString(), by)
    }
    const resolution = { action, note: note ?? null, by: toObjectId(caller.userId), at: new Date() }
    const updated = await reports
      .findOneAndUpdate({ _id: report._id, status: 'open' }, { $set: { status: 'resolved', resolution } }, { returnDocument: 'after' })
      .lean()
    if (!updated) throw resolved()
    await audit.record({ action: 'report.resolved', outcome: 'done', ...by, target: { kind: 'report', id: reportId }, detail: { action } })
    return updated
  }

  async #subjectOf(caller: Caller, { userId, messageId, conversationId }: MakeReport): Promise<Subject> {
    const { users, memberships, messages } = this.#deps
    if (conversationId !== undefined && !(await memberships.isMember(caller.userId, conversationId))) throw new Problem('not_found')
    if (userId === caller.userId) throw invalid('body.userId', 'oneself')
    if (userId !== undefined && (await users.unknownAmong([userId])).length > 0) throw new Problem('not_found')
    const of = { userId: userId === undefined ? null : toObjectId(userId) }
    if (messageId === undefined)
      return { ...of, conversationId: conversationId === undefined ? null : toObjectId(conversationId), message: null }
    const message = await messages.get(caller, messageId)
    if (message.senderId.toHexString() === caller.userId) throw invalid('body.messageId', 'one’s own')
    if (userId !== undefined && !message.senderId.equals(userId)) throw invalid('body.messageId', 'not of this person')
    if (conversationId !== undefined && !message.conversationId.equals(conversationId)) {
      throw invalid('body.messageId', 'not of this conversation')
    }
    const { seq, senderId, text, version, createdAt } = message
    return {
      userId: senderId,
      conversationId: message.conversationId,
      message: { messageId: message._id, seq, senderId, text, version, createdAt },
    }
  }
}

const invalid = (path: string, message: string): Problem => new Problem('validation_failed', undefined, { errors: [{ path, message }] })

const resolved = (): Problem => new Problem('conflict', 'The report is resolved already')
