/** A promise that was broken. */
export interface Violation {
  readonly kind:
    | 'gap' // a message was skipped without a word
    | 'doubled' // the same event twice on one unbroken line of positions
    | 'two-messages-one-seq'
    | 'false-verdict' // a position that was worth nothing passed for a good one
    | 'foreign' // told of what one is not in
    | 'missing' // acknowledged, and not with a client in the end
    | 'lost' // acknowledged, and not in the database
    | 'stored-twice'
    | 'stale' // another text or version than the database has
    | 'inconsistent' // the product's own check finds that what a conversation derives is not what its messages say
    | 'rest' // a list of the REST interface disagrees
    | 'stuck' // something did not settle
    | 'malformed'
    | 'error' // an answer that no fault excuses
  readonly what: string
  readonly device?: string
  readonly conversationId?: string
  /** The client id of the message. */
  readonly message?: string
}

const mostKept = 200

/** What was found while the run went on. */
export class Findings {
  readonly violations: Violation[] = []

  add(violation: Violation): void {
    const isKnown = this.violations.some(({ what, device }) => what === violation.what && device === violation.device)
    if (!isKnown && this.violations.length < mostKept) this.violations.push(violation)
  }
}
