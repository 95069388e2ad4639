import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AnyEndpoint } from '../src/http/endpoint.js'
import { routes } from '../src/routes.js'
import { type Row, rows } from './access/rows.js'
import { type Actor, actors, aWorld, isStranger, type Scene, type World } from './access/world.js'
import { startTestApp, type TestApp } from './support/test-app.js'

interface Case {
  readonly name: string
  readonly url: string
  readonly declared: AnyEndpoint
}
const cases: readonly Case[] = Object.entries(routes).flatMap(([base, endpoints]) =>
  endpoints.map((declared) => ({ name: `${declared.method.toUpperCase()} ${declared.path}`, url: base + declared.path, declared })),
)

let app: TestApp
let world: World
let untouched: Scene
beforeAll(async () => {
  app = await startTestApp()
  world = await aWorld(app)
  untouched = await world.scene()
}, 120_000)
afterAll(() => app.close())

type Asked = (endpoint: Case, row: Row, actor: Actor) => Promise<{ status: number; code: unknown }>

/** Of a server of its own, where it changes all of it. */
const askApart: Asked = async (endpoint, row, actor) => {
  const [all, everybody] = [app, world]
  app = await startTestApp()
  try {
    world = await aWorld(app)
    return await ask(endpoint, row, actor)
  } finally {
    await app.close()
    app = all
    world = everybody
  }
}

const ask: Asked = async ({ url, declared }, row, actor) => {
  const scene = declared.method === 'get' ? untouched : await world.scene()
  const { params = {}, query = {}, body } = row.ask(scene, world, actor)
  const path = url.replaceAll(/:(\w+)/g, (_text, name: string) => encodeURIComponent(params[name] ?? ''))
  const token = await world.tokenOf(actor)
  const headers = { ...(token && { authorization: `Bearer ${token}` }), ...(body && { 'content-type': 'application/json' }) }
  const abort = new AbortController() // a stream would go on
  try {
    const answer = await fetch(`${app.url}${path}?${new URLSearchParams(query).toString()}`, {
      method: declared.method.toUpperCase(),
      headers,
      redirect: 'manual',
      signal: abort.signal,
      ...(body && { body: JSON.stringify(body) }),
    })
    if (!answer.headers.get('content-type')?.includes('problem+json')) return { status: answer.status, code: undefined }
    return { status: answer.status, code: Reflect.get(Object(await answer.json()), 'code') }
  } finally {
    abort.abort()
  }
}

const codes: Partial<Record<Actor, string>> = { stranger: 'unauthenticated', expired: 'token_expired', revoked: 'session_revoked' }

describe('the access matrix', () => {
  it('has a row for every endpoint, and none for what is not there', () => {
    expect(Object.keys(rows).toSorted()).toEqual(cases.map(({ name }) => name).toSorted())
  })

  it('tells strangers apart from people by what each endpoint declares', () => {
    for (const { name, declared } of cases) {
      const { stranger, expired, revoked } = rows[name]?.expected ?? {}
      if (declared.access !== 'anyone') expect([name, stranger, expired, revoked]).toEqual([name, 401, 401, 401])
      if (declared.access === 'admin')
        for (const actor of actors)
          if (!isStranger(actor) && actor !== 'systemAdmin') expect([name, actor, rows[name]?.expected[actor]]).toEqual([name, actor, 403])
    }
  })

  describe.each(cases)('$name', (endpoint) => {
    const row = rows[endpoint.name]
    it.each(actors.map((actor) => ({ actor, status: row?.expected[actor] })))(
      'answers $status to: $actor',
      async ({ actor, status }) => {
        if (!row) throw new Error(`${endpoint.name} has no row`)
        const answer = await (row.ofAll && row.expected[actor] < 300 ? askApart : ask)(endpoint, row, actor)
        const code = endpoint.declared.access === 'anyone' ? undefined : codes[actor]
        expect(answer).toMatchObject({ status, ...(code && { code }) })
      },
      30_000,
    )
  })
})
