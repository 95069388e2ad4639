import type { Model } from 'mongoose'
import type { AuditDocument, AuditEntry } from './model.js'

/** What was done that matters to safety: who, what, to whom, when, from where, with what outcome. Appended to, never changed; kept for 90 days. */
export class AuditLog {
  readonly #entries: Model<AuditDocument>
  constructor(deps: { readonly entries: Model<AuditDocument> }) {
    this.#entries = deps.entries
  }

  /** @throws where the database is away: what cannot be recorded is not done */
  async record(entry: AuditEntry): Promise<void> {
    await this.#entries.create({ ...entry, at: new Date() })
  }
}
