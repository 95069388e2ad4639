/** Every error a client can see. The code is the contract; the title is for people. */
export const problems = {
  validation_failed: [400, 'The request is not valid'],
  unauthenticated: [401, 'Sign in first'],
  invalid_credentials: [401, 'The phone or the password is wrong'],
  token_expired: [401, 'The access token has expired'],
  session_revoked: [401, 'The session has ended'],
  account_suspended: [403, 'This account is suspended'],
  totp_required: [401, 'Send the code of your authenticator too'],
  password_change_required: [403, 'Change your password first'],
  totp_setup_required: [403, 'Set up an authenticator first'],
  verification_required: [403, 'Prove that the phone is yours first'],
  forbidden: [403, 'Not allowed'],
  not_found: [404, 'Not found'],
  conflict: [409, 'Conflict'],
  quota_exceeded: [403, 'There is no room left'],
  payload_too_large: [413, 'The body is too large'],
  unsupported_media_type: [415, 'The body must be application/json'],
  range_not_satisfiable: [416, 'There is nothing in that range'],
  upload_refused: [422, 'What was uploaded is refused'],
  misdirected_request: [421, 'This host is not served here'],
  rate_limited: [429, 'Too many requests'],
  internal_error: [500, 'Something went wrong on our side'],
  lockdown: [503, 'Only administrators are let in at present'],
  service_unavailable: [503, 'Not available right now; try again'],
} as const satisfies Record<string, readonly [number, string]>

export type ProblemCode = keyof typeof problems

export interface FieldError {
  /** Where: `body.text`, `query.limit`. */
  readonly path: string
  readonly message: string
}

interface ProblemOptions extends ErrorOptions {
  readonly errors?: readonly FieldError[]
  readonly retryAfterSeconds?: number
}

const defaultRetryAfterSeconds = 2

/** An error that becomes an application/problem+json answer (RFC 9457). `cause` is for the log alone. */
export class Problem extends Error {
  readonly code: ProblemCode
  readonly detail: string | undefined
  readonly status: number
  readonly title: string
  readonly errors: readonly FieldError[] | undefined
  readonly retryAfterSeconds: number | undefined
  constructor(code: ProblemCode, detail?: string, options: ProblemOptions = {}) {
    super(detail ?? code, options)
    this.name = 'Problem'
    this.code = code
    this.detail = detail
    const [status, title] = problems[code]
    this.status = status
    this.title = title
    this.errors = options.errors
    this.retryAfterSeconds = options.retryAfterSeconds ?? (status === 503 ? defaultRetryAfterSeconds : undefined)
  }
}
