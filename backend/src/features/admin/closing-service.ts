import type { Admission } from '../admission/index.js'
import type { AuditLog } from '../audit/index.js'
import type { By } from './by.js'

interface Dependencies {
  readonly admission: Pick<Admission, 'lockDown' | 'reopen' | 'endAllSessions'>
  readonly audit: Pick<AuditLog, 'record'>
}

/** Closing to all but administrators, and sending everyone to sign in again. Each may be asked again: it is recorded once more. */
export class ClosingService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  async lockDown(by: By): Promise<void> {
    await this.#deps.admission.lockDown()
    await this.#deps.audit.record({ action: 'lockdown.begun', outcome: 'done', ...by })
  }

  async reopen(by: By): Promise<void> {
    await this.#deps.admission.reopen()
    await this.#deps.audit.record({ action: 'lockdown.ended', outcome: 'done', ...by })
  }

  /** Ends everyone's sessions, the administrator's own too. */
  async endAllSessions(by: By): Promise<void> {
    await this.#deps.admission.endAllSessions()
    await this.#deps.audit.record({ action: 'sessions.all_ended', outcome: 'done', ...by })
  }
}
