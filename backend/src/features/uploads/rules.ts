import { Problem } from '../../http/problem.js'
import type { Purpose } from './model.js'

const megabyte = 1024 * 1024

export interface UploadRules {
  readonly maxFileBytes: number
  /** `image/*` or `application/pdf`; empty: any. */
  readonly allowedTypes: readonly string[]
  /** Of one person, all together. */
  readonly quotaBytes: number
  /** Of one person, begun in a day (UTC). */
  readonly dailyBytes: number
}

/** What may be uploaded for what: the one place that says so. What a browser would run is served to be saved, never to be shown. */
const table = {
  attachment: ({ maxFileBytes, allowedTypes }: UploadRules) => ({ mostBytes: maxFileBytes, types: allowedTypes }),
  avatar: (_: UploadRules) => ({ mostBytes: 5 * megabyte, types: ['image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/avif'] }),
} as const satisfies Record<Purpose, (rules: UploadRules) => { mostBytes: number; types: readonly string[] }>

/** From here on it comes in parts. */
export const mostInOnePut = 100 * megabyte
export const partBytes = 16 * megabyte

const isAllowed = (contentType: string, types: readonly string[]): boolean =>
  types.length === 0 || types.some((type) => type === contentType || (type.endsWith('/*') && contentType.startsWith(type.slice(0, -1))))

export const ruleOf = (purpose: Purpose, rules: UploadRules): { readonly mostBytes: number; readonly types: readonly string[] } =>
  table[purpose](rules)

/** @throws Problem validation_failed for what is too large, or of a type that is not taken */
export const requireAllowed = (
  { purpose, size, contentType }: { purpose: Purpose; size: number; contentType: string },
  rules: UploadRules,
): void => {
  const { mostBytes, types } = ruleOf(purpose, rules)
  const errors = [
    ...(size > mostBytes ? [{ path: 'body.size', message: `at most ${mostBytes} bytes for an ${purpose}` }] : []),
    ...(isAllowed(contentType, types) ? [] : [{ path: 'body.contentType', message: `one of ${types.join(', ')} for an ${purpose}` }]),
  ]
  if (errors.length > 0) throw new Problem('validation_failed', undefined, { errors })
}

/** The sizes of its parts; all but the last are as large. */
export const partSizesOf = (size: number, bytesOfPart: number): number[] =>
  Array.from({ length: Math.ceil(size / bytesOfPart) }, (_, n) => Math.min(bytesOfPart, size - n * bytesOfPart))
