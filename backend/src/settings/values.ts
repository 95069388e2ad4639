import { z } from 'zod'

const unitSeconds: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 }

const mostSeconds = 10 * 365 * 86_400

/** `900`, `900s`, `15m`, `8h`, `30d` -> seconds; at most ten years. */
export const duration = z
  .string()
  .regex(/^[1-9]\d{0,8}[smhd]?$/, 'a duration such as 900, 15m, 8h or 30d')
  .transform((text) => Number.parseInt(text, 10) * (unitSeconds[text.at(-1) ?? ''] ?? 1))
  .pipe(z.number().max(mostSeconds, 'at most ten years'))

export const integer = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,12}$/, 'a whole number')
    .transform(Number)
    .pipe(z.number().min(least).max(most))

export const bucketName = z
  .string()
  .regex(/^(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9](?:[a-z0-9]|[.-](?![.-])){1,61}[a-z0-9]$/, 'a bucket’s name such as heliograph-uploads')

export const url = (protocols: RegExp, example: string) => z.string().regex(protocols, `a URL such as ${example}`)

const knownExample =
  /change.?me|your[-_ ]?(super)?[-_ ]?secret|super[-_ ]?secret|secret[-_ ]?key|jwt[-_ ]?secret|example|^(?<character>.)\k<character>*$/i

export const secret = z
  .string()
  .min(32, 'at least 32 characters')
  .refine((text) => !knownExample.test(text), 'a known example; make one with: openssl rand -base64 48')

export const flag = z.enum(['true', 'false']).transform((text) => text === 'true')

/** Texts separated by commas; none when empty. */
export const listOf = (each: RegExp, expected: string) =>
  z
    .string()
    .transform((text) => text.split(',').map((item) => item.trim()))
    .pipe(z.array(z.string().regex(each, expected)))
    .default([])
