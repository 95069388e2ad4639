import { z } from 'zod'
import { bucketName, integer } from '../values.js'
import { type Variable, variable } from '../variable.js'

export const backupsVariables = {
  BACKUP_DIR: variable(
    'Backups',
    'The folder that `npm run admin -- backup` puts them into',
    '.data/backups',
    z
      .string()
      .refine((path) => !path.includes('\0'), 'a folder')
      .optional(),
  ),
  BACKUP_RECIPIENT: variable(
    'Backups',
    'Whom they are encrypted to: a public key of age, or what gpg knows a key by. Unset, they are not encrypted',
    'age1…',
    z.string().optional(),
  ),
  BACKUP_IDENTITY_FILE: variable('Backups', 'The file of age’s secret key, where backups are restored', '', z.string().optional()),
  BACKUP_S3_BUCKET: variable(
    'Backups',
    'A bucket of their own that they are copied to, by AWS_S3_ENDPOINT, AWS_REGION and the keys of uploads',
    'heliograph-backups',
    bucketName.optional(),
  ),
  BACKUP_S3_PREFIX: variable(
    'Backups',
    'What their keys in it begin with',
    'backups/',
    z
      .string()
      .regex(/^([\w.-]+\/)*$/, 'folders such as backups/')
      .default('backups/'),
  ),
  BACKUP_KEEP_DAILY: variable('Backups', 'Of so many days the newest is kept', '7', integer(0, 3650).default(7)),
  BACKUP_KEEP_WEEKLY: variable('Backups', 'Of so many weeks', '5', integer(0, 520).default(5)),
  BACKUP_KEEP_MONTHLY: variable('Backups', 'Of so many months', '12', integer(0, 120).default(12)),
} satisfies Record<string, Variable>
