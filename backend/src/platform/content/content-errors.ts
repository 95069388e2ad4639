type Reason = 'empty' | 'wrong_type' | 'unsupported_image'

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
