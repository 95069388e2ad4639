import type { KeyObject } from 'node:crypto'
import { S3Client } from '@aws-sdk/client-s3'

export interface S3Settings {
  readonly bucket: string
  /** Undefined: Amazon's own. */
  readonly endpoint: string | undefined
  readonly region: string
  readonly forcePathStyle: boolean
  /** Without them the SDK looks for the machine's own: its role, its profile. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: KeyObject } | undefined
}

const mostConnections = 64
const connectDeadlineMs = 3000

/** What goes wrong is told by errors; the SDK would write to the console. */
const silent = { trace: () => {}, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** A client whose calls have the deadlines that `S3Calls` gives them. */
export const s3ClientOf = ({ endpoint, region, forcePathStyle, credentials }: S3Settings): S3Client =>
  new S3Client({
    region,
    forcePathStyle,
    maxAttempts: 3,
    logger: silent,
    // where it is not asked for, the checksum of an empty body would be signed into URLs
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: connectDeadlineMs,
      socketTimeout: 0, // a body that is read slowly is no fault of the storage
      httpAgent: { keepAlive: true, maxSockets: mostConnections },
      httpsAgent: { keepAlive: true, maxSockets: mostConnections },
    },
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials && {
      credentials: {
        accessKeyId: credentials.accessKeyId,
        secretAccessKey: credentials.secretAccessKey.export().toString('utf8'),
      },
    }),
  })
