import { codeTtlSeconds } from './one-time-codes.js'

/** The SMS that holds a code. */
export type CodeText = (code: string) => string

/** @param template holds `{{code}}`, and may hold `{{app}}` and `{{minutes}}` */
export const codeTextOf =
  (template: string, app: string): CodeText =>
  (code) =>
    template
      .replaceAll('{{code}}', code)
      .replaceAll('{{app}}', () => app)
      .replaceAll('{{minutes}}', String(codeTtlSeconds / 60))
