import { z } from 'zod'
import { type LimitKey, type LimitName, limitNames, limitRow } from '../../http/limits-table.js'
import { parseRates, type Rate } from '../../http/rates.js'
import { integer } from '../values.js'
import { type Variable, variable } from '../variable.js'

const rates = (keys: readonly LimitKey[]) => {
  const example = keys.length > 1 ? `, or one for each: 3/h per ${keys[0]}, 5/min per ${keys[1]}` : ''
  return z.string().transform((text, context): Partial<Record<LimitKey, Rate>> => {
    const parsed = parseRates(text, keys)
    if (parsed) return parsed
    context.addIssue(`a rate such as 5/min, 3/h, 100/15min or 20/s burst 60${example}`)
    return z.NEVER
  })
}

const ofEach = Object.fromEntries(
  limitNames.map((name) => {
    const { rate, by, about } = limitRow(name)
    return [`LIMIT_${name.toUpperCase()}`, variable('Limits', about, rate, rates(by).optional())]
  }),
) as { [Name in LimitName as `LIMIT_${Uppercase<Name>}`]: Variable<z.ZodOptional<ReturnType<typeof rates>>> }

export const limitsVariables = {
  RATE_LIMIT_WINDOW_MS: variable(
    'Limits',
    'The window for strangers, unless LIMIT_ANONYMOUS is set',
    '900000',
    integer(1000, 86_400_000).optional(),
  ),
  RATE_LIMIT_MAX_REQUESTS: variable('Limits', 'Requests of a stranger in that window', '100', integer(1, 1_000_000).optional()),
  ...ofEach,
} satisfies Record<string, Variable>
