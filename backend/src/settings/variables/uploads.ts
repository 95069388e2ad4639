import { z } from 'zod'
import { duration, integer, listOf } from '../values.js'
import { type Variable, variable } from '../variable.js'

const unitBytes = { KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 } as const

const bytesOfUnits: Readonly<Record<string, number>> = unitBytes

/** What one object of S3 may be copied of at once. */
const mostFileBytes = 5 * unitBytes.GB

const mostQuotaBytes = 1000 * unitBytes.TB

/** `512`, `512KB`, `10MB`, `5GB`, `1TB` -> bytes. */
const bytes = (most: number) =>
  z
    .string()
    .regex(/^[1-9]\d{0,11}([KMGT]B)?$/, 'a size such as 10MB or 5GB')
    .transform((text) => Number.parseInt(text, 10) * (bytesOfUnits[text.slice(-2)] ?? 1))
    .pipe(z.number().max(most, `at most ${most} bytes`))

export const uploadsVariables = {
  UPLOAD_DIR: variable(
    'Uploads',
    'Where uploads are kept without AWS_S3_BUCKET: a folder that all workers share, on one disk',
    '.data/uploads',
    z
      .string()
      .refine((path) => !path.includes('\0'), 'a folder')
      .optional(),
  ),
  MAX_FILE_SIZE: variable(
    'Uploads',
    'Of one attachment; over 100MB come in parts',
    '10MB',
    bytes(mostFileBytes).default(10 * unitBytes.MB),
  ),
  ALLOWED_FILE_TYPES: variable(
    'Uploads',
    'Media types of attachments, separated by commas; any when empty: none is shown that a browser would run',
    'image/*,video/*,application/pdf',
    listOf(/^[a-z0-9][\w.+-]*\/(\*|[a-z0-9][\w.+-]*)$/, 'media types such as image/* or application/pdf, separated by commas'),
  ),
  UPLOAD_QUOTA: variable('Uploads', 'Of one person, all together', '5GB', bytes(mostQuotaBytes).default(5 * unitBytes.GB)),
  UPLOAD_DAILY: variable('Uploads', 'Of one person in a day (UTC)', '1GB', bytes(mostQuotaBytes).default(unitBytes.GB)),
  SCANNER: variable(
    'Uploads',
    'clamd: ClamAV looks through every upload before anybody gets it, and none is ready while it does not answer. Nothing does where unset',
    'clamd',
    z.enum(['clamd']).optional(),
  ),
  CLAMD_SOCKET: variable(
    'Uploads',
    'The socket that clamd listens on',
    '/run/clamav/clamd.ctl',
    z.string().startsWith('/', 'a path').optional(),
  ),
  CLAMD_HOST: variable(
    'Uploads',
    'In place of the socket, where clamd listens; it knows no passwords and no TLS',
    '',
    z
      .string()
      .regex(/^[\w.:-]+$/, 'a host name or an address')
      .optional(),
  ),
  CLAMD_PORT: variable('Uploads', 'Its port', '3310', integer(1, 65_535).default(3310)),
  SCANNER_TIMEOUT: variable('Uploads', 'How long looking through one upload may take', '60s', duration.default(60)),
  SCANNER_MAX_SIZE: variable(
    'Uploads',
    'In bytes: what is larger is refused. Not more than clamd’s StreamMaxLength and MaxFileSize, and set its AlertExceedsMax: else it calls clean what it did not look through',
    '25000000',
    integer(1, 4_000_000_000).default(25_000_000),
  ),
} satisfies Record<string, Variable>
