import type { KeyObject } from 'node:crypto'
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns'
import { BoundedWork } from '../bounded-work.js'
import { PassingError, retry } from '../retry.js'
import { type Sms, type SmsSender, type SmsTiming, smsBounds, smsPatience } from './sms-sender.js'

export interface SnsSettings {
  readonly provider: 'sns'
  readonly region: string
  readonly endpoint: string | undefined
  /** Without them the SDK looks for the machine's own: its role, its profile. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: KeyObject } | undefined
}

/** Codes are not advertisements: SNS sends them on its most reliable way. */
const attributes = { 'AWS.SNS.SMS.SMSType': { DataType: 'String', StringValue: 'Transactional' } }

/** Sends SMS through Amazon SNS. */
export class SnsSmsSender implements SmsSender {
  readonly #client: SNSClient
  readonly #work: BoundedWork
  readonly #patience: typeof smsPatience
  constructor(settings: SnsSettings, timing: SmsTiming = {}) {
    this.#client = clientOf(settings)
    this.#work = new BoundedWork({ ...smsBounds, ...timing })
    this.#patience = { ...smsPatience, ...timing }
  }

  send(sms: Sms): Promise<void> {
    return this.#work.run((signal) => retry(() => this.#publish(sms, signal), this.#patience, signal))
  }

  /** Lets what was begun come to its end, then closes the connections. */
  async close(): Promise<void> {
    await this.#work.settled()
    this.#client.destroy()
  }

  async #publish({ to, text }: Sms, signal: AbortSignal): Promise<void> {
    try {
      await this.#client.send(new PublishCommand({ PhoneNumber: to, Message: text, MessageAttributes: attributes }), {
        abortSignal: signal,
      })
    } catch (error) {
      throw withoutMessage(error)
    }
  }
}

const clientOf = ({ region, endpoint, credentials }: SnsSettings): SNSClient =>
  new SNSClient({
    region,
    maxAttempts: 1, // `retry` keeps to the deadline
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials && {
      credentials: {
        accessKeyId: credentials.accessKeyId,
        secretAccessKey: credentials.secretAccessKey.export().toString('utf8'),
      },
    }),
  })

/** The SDK's errors hold its request and the service's words: only their kind is for the log. */
const withoutMessage = (error: unknown): Error => {
  const { name, $metadata } = error as { name?: unknown; $metadata?: { httpStatusCode?: number } }
  const status = $metadata?.httpStatusCode
  const message = `Amazon SNS ${status === undefined ? 'cannot be reached' : `answered ${status}`} (${String(name)})`
  if (name === 'AbortError' || name === 'CredentialsProviderError') return new Error(message)
  const passing = status === undefined || status === 429 || status >= 500 || String(name).startsWith('Throttl')
  return passing ? new PassingError(message) : new Error(message)
}
