type Reason = 'empty' | 'wrong_type' | 'unsupported_image' | 'broken_image' | 'too_large' | 'infected'

/** What was sent is not taken, now or later; the detail is for who sent it. */
export class ContentRefusal extends Error {
  readonly reason: Reason
  readonly detail: string
  constructor(reason: Reason, detail: string, options?: ErrorOptions) {
    super(detail, options)
    this.name = 'ContentRefusal'
    this.reason = reason
    this.detail = detail
  }
}

/** What was sent could not be looked at, and nothing is known of it: the same may work later. */
export class ContentUnavailable extends Error {
  constructor(what: string, options?: ErrorOptions) {
    super(`Content cannot be looked at: ${what}`, options)
    this.name = 'ContentUnavailable'
  }
}
