import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { withDeadline } from './deadline.js'
import { PassingError, retry } from './retry.js'

export interface SecretsManagerSettings {
  /** A name or an ARN. */
  readonly id: string
  readonly region: string
  /** In place of the region's own. */
  readonly endpoint: string | undefined
  /** Undefined: what the SDK finds, a role or its own variables. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined
}

/** All attempts together take less than half a minute. */
const patience = { mostAttempts: 3, firstPauseMs: 500, attemptDeadlineMs: 5000 }
const deadlineMs = 20_000

const reasons: Readonly<Record<string, string>> = {
  ResourceNotFoundException: 'there is no such secret in this region',
  AccessDeniedException:
    'access is denied: who runs the server needs secretsmanager:GetSecretValue, and kms:Decrypt where the secret has a key of its own',
  DecryptionFailure: 'its key in KMS does not decrypt it',
  InvalidRequestException: 'it cannot be read as it is now, as where it is marked for deletion',
  CredentialsProviderError: 'there are no credentials: a role, or AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY',
  DeadlineError: 'Secrets Manager does not answer in time',
  SyntaxError: 'the answer is not one of Secrets Manager',
}
const refusedCredentials =
  /^(?:UnrecognizedClient|InvalidSignature|IncompleteSignature|SignatureDoesNotMatch|InvalidClientTokenId|ExpiredToken)/

/** The SDK's errors quote answers and requests: only their kind is told. */
const withoutMessage = (error: unknown): Error => {
  const { name, $metadata } = error as { name?: unknown; $metadata?: { httpStatusCode?: number } }
  const [kind, status] = [String(name), $metadata?.httpStatusCode]
  const reason = refusedCredentials.test(kind) ? 'the credentials are refused' : reasons[kind]
  const message = reason ?? (status === undefined ? 'Secrets Manager cannot be reached' : `Secrets Manager answered ${status}`)
  const isPassing =
    kind === 'DeadlineError' ||
    kind.startsWith('Throttl') ||
    (status === undefined ? reason === undefined : status === 429 || status >= 500)
  return isPassing ? new PassingError(message) : new Error(message)
}

/**
 * Reads the present version of a secret: three attempts, 5 s each.
 * @returns undefined where it holds bytes and no text
 * @throws Error that says why it cannot be read, and nothing of the secret
 */
export const readManagedSecret = async (
  { id, region, endpoint, credentials }: SecretsManagerSettings,
  timing: Partial<typeof patience> = {},
): Promise<string | undefined> => {
  const { attemptDeadlineMs, ...tries } = { ...patience, ...timing }
  const client = new SecretsManagerClient({
    region,
    maxAttempts: 1, // `retry` keeps to the deadline
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials && { credentials }),
  })
  const ask = async (): Promise<string | undefined> => {
    const over = new AbortController()
    const answer = client.send(new GetSecretValueCommand({ SecretId: id }), { abortSignal: over.signal })
    try {
      return (await withDeadline(answer, attemptDeadlineMs, 'Secrets Manager')).SecretString
    } catch (error) {
      throw withoutMessage(error)
    } finally {
      over.abort()
    }
  }
  try {
    return await retry(ask, tries, AbortSignal.timeout(deadlineMs))
  } finally {
    client.destroy()
  }
}
