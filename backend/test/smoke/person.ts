import { randomInt, randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Deployment } from './deployment.js'

export const Credentials = z.object({ phone: z.string(), password: z.string() })
export type Credentials = z.infer<typeof Credentials>
export const SignedIn = z.object({ user: z.object({ id: z.string() }), accessToken: z.string() })

export interface Person extends Credentials {
  readonly id: string
  readonly token: string
}

const device = { name: 'smoke test' }
const areas = ['202', '212', '213', '303', '305', '312', '404', '415', '503', '512', '602', '617', '702', '713', '718', '804', '917']
const mostNumbers = 5

/** Of those numbers that North America keeps for fiction: nobody has it. */
const aPhone = (): string => `+1${areas[randomInt(areas.length)]}55501${String(randomInt(100)).padStart(2, '0')}`

/** @throws Error where nobody can register without a code by SMS: SMOKE_PEOPLE then names two who have */
export const register = async (at: Deployment, name: string): Promise<Person> => {
  for (let number = 1; ; number++) {
    const credentials = { phone: aPhone(), password: `Smoke ${randomUUID()}` }
    const answer = await at.fetch({ method: 'POST', path: '/api/v1/auth/register', body: { ...credentials, name, device } })
    if (answer.status === 409 && number < mostNumbers) continue // left there by one that was broken off
    const text = await answer.text()
    if (answer.status !== 201) throw new Error(`POST /api/v1/auth/register: ${answer.status} ${text.slice(0, 300)}`)
    const { user, accessToken } = SignedIn.parse(JSON.parse(text))
    return { ...credentials, id: user.id, token: accessToken }
  }
}

export const signIn = async (at: Deployment, { phone, password }: Credentials): Promise<Person> => {
  const call = { method: 'POST', path: '/api/v1/auth/login', body: { phone, password, device } } as const
  const { user, accessToken } = await at.call(call, SignedIn)
  return { phone, password, id: user.id, token: accessToken }
}

export const logOut = (at: Deployment, { token }: Pick<Person, 'token'>): Promise<null> =>
  at.call({ method: 'POST', path: '/api/v1/auth/logout', token, body: {} }, z.null())

export const deleteAccount = (at: Deployment, { token, password }: Person): Promise<null> =>
  at.call({ method: 'DELETE', path: '/api/v1/users/me', token, body: { password } }, z.null())
