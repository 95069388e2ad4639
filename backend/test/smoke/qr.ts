import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { Deployment } from './deployment.js'
import { type Person, SignedIn } from './person.js'

const Begun = z.object({ id: z.string(), token: z.string(), code: z.string() })

/** A browser begins, the phone scans and approves, the browser hears of it and enters. @returns the browser's session */
export const signInByQr = async (at: Deployment, phone: Person): Promise<{ token: string }> => {
  const verifier = randomBytes(32).toString('base64url')
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const post = <T>(path: string, body: object, shape: z.ZodType<T>, token?: string) =>
    at.call({ method: 'POST', path: `/api/v1/auth/qr${path}`, token, body }, shape)

  const { id, token, code } = await post('', { challenge, device: { name: 'smoke test', platform: 'web' } }, Begun)
  const stream = await at.listen(`/api/v1/auth/qr/${id}/events`, { 'x-qr-verifier': verifier })
  await at.hears(stream, 'qr.pending', z.unknown())
  await post('/scan', { token }, z.object({ id: z.literal(id) }), phone.token)
  await post(`/${id}/approve`, { code }, z.null(), phone.token)
  await at.hears(stream, 'qr.approved', z.unknown())
  return { token: (await post(`/${id}/exchange`, { verifier }, SignedIn)).accessToken }
}
