import { z } from 'zod'
import { bucketName, flag, url } from '../values.js'
import { type Variable, variable } from '../variable.js'

export const awsVariables = {
  AWS_REGION: variable(
    'AWS',
    'The region of SMS_PROVIDER=sns, of AWS_S3_BUCKET and of SECRETS_MANAGER_ID',
    'eu-central-1',
    z
      .string()
      .regex(/^[a-z0-9-]+$/, 'a region such as eu-central-1')
      .optional(),
  ),
  SECRETS_MANAGER_ID: variable(
    'AWS',
    'A secret in AWS Secrets Manager, a name or an ARN: a JSON object of variables of this file. Read before all else; what the environment sets wins',
    'heliograph/production',
    z.string().max(2048).optional(),
  ),
  AWS_ENDPOINT_URL_SECRETS_MANAGER: variable(
    'AWS',
    'In place of the region’s own Secrets Manager',
    'https://secretsmanager.eu-central-1.amazonaws.com',
    url(/^https?:\/\/\S+$/, 'https://secretsmanager.eu-central-1.amazonaws.com').optional(),
  ),
  AWS_ACCESS_KEY_ID: variable('AWS', 'Where the machine has no role that may do what is needed', '', z.string().optional()),
  AWS_SECRET_ACCESS_KEY: variable('AWS', 'Its secret', '', z.string().optional(), { secret: true }),
  AWS_S3_BUCKET: variable(
    'AWS',
    'Where uploads are kept; make it ready with npm run admin -- storage setup',
    'heliograph-uploads',
    bucketName.optional(),
  ),
  AWS_S3_ENDPOINT: variable(
    'AWS',
    'Another S3 than Amazon’s. Clients have to reach it too',
    'https://s3.example.com',
    url(/^https?:\/\/[^\s/?#@]+\/?$/, 'https://s3.example.com').optional(),
  ),
  AWS_S3_FORCE_PATH_STYLE: variable(
    'AWS',
    'true or false: the bucket’s name in the path instead of the host; where unset, with AWS_S3_ENDPOINT',
    'true',
    flag.optional(),
  ),
} satisfies Record<string, Variable>
