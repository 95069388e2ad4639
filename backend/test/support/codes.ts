import type { TestApp } from './test-app.js'

/** What was sent to somebody, the newest last. */
export const sentTo = (app: TestApp, to: string): string[] => app.sent.filter((message) => message.to === to).map(({ text }) => text)

/** The code in the newest SMS to a phone. @throws where there is none */
export const codeIn = (app: TestApp, phone: string): string => {
  const code = /\b\d{6}\b/.exec(sentTo(app, phone).at(-1) ?? '')?.[0]
  if (code === undefined) throw new Error(`No code was sent to ${phone}`)
  return code
}

/** Asks for a code. @returns the one that is sent */
export const aCode = async (app: TestApp, phone: string): Promise<string> => {
  await app.request.post('/api/v1/auth/otp/start').send({ phone }).expect(202)
  return codeIn(app, phone)
}

/** Another code than this one. */
export const notThis = (code: string): string => ((Number(code) + 1) % 1_000_000).toString().padStart(6, '0')
