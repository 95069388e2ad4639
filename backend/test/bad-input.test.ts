import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { UserDocument } from '../src/features/users/index.js'
import type { AnyEndpoint, Schemas } from '../src/http/endpoint.js'
import { toObjectId } from '../src/http/ids.js'
import { routes } from '../src/routes.js'
import { aPerson } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

/** As much of JSON Schema as tells which values a field refuses. */
interface Shape {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Shape>>
  readonly items?: Shape
  readonly anyOf?: readonly Shape[]
  readonly oneOf?: readonly Shape[]
  readonly additionalProperties?: boolean | Shape
  readonly enum?: readonly unknown[]
  readonly const?: unknown
}

interface Field {
  readonly path: readonly string[]
  readonly shape: Shape
  /** What the body has beside it, so that it is looked at. */
  readonly beside: Readonly<Record<string, unknown>>
}

const shapeOf = (schema: z.ZodType): Shape => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Shape

const choices = (shape: Shape): readonly Shape[] => [...(shape.anyOf ?? []), ...(shape.oneOf ?? [])].flatMap(choices).concat(shape)

/** What tells this choice of a union from the others. */
const constantsOf = ({ properties = {} }: Shape): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(properties).flatMap(([name, { const: value }]) => (value === undefined ? [] : [[name, value]])))

/** Every field of a body, those within its fields too. */
const fieldsOf = (shape: Shape, path: readonly string[] = [], beside?: Field['beside']): Field[] => {
  const fields: Field[] = []
  for (const choice of choices(shape)) {
    for (const [name, of] of Object.entries(choice.properties ?? {})) {
      const own = { path: [...path, name], shape: of, beside: beside ?? constantsOf(choice) }
      fields.push(own, ...fieldsOf(of, own.path, own.beside))
    }
  }
  return fields
}

const typesOf = (shape: Shape): ReadonlySet<string> => {
  const types = new Set<string>()
  for (const { type, enum: allowed = [], const: value } of choices(shape)) {
    if (type !== undefined) types.add(type)
    for (const each of [...allowed, ...(value === undefined ? [] : [value])]) types.add(typeof each)
  }
  return types
}

const values: readonly (readonly [type: string, value: unknown])[] = [
  ['null', null],
  ['boolean', true],
  ['number', 7],
  ['number', -1.5],
  ['string', 'a text'],
  ['array', []],
  ['array', [{ $gt: '' }]],
  ['object', {}],
  ['object', { $gt: '' }],
  ['object', { $ne: null }],
  ['object', { $where: 'sleep(1000)' }],
  ['object', { toString: 'x', length: 1 }],
]

/** What a text may hide; whether it is refused is the field's business, a fault of ours it never is. */
const texts = [
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\u202e',
  '🏳️‍🌈'.repeat(2000),
  '$where',
  '__proto__',
  'x'.repeat(200_000),
  '../../etc/passwd',
  '%00',
  '',
]

const deep = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
const deepArray = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

const bodyWith = ({ path, beside }: Field, value: unknown): string => {
  const [name = '', ...within] = path
  return JSON.stringify({ ...beside, [name]: within.reduceRight<unknown>((inner, each) => ({ [each]: inner }), value) })
}

interface Target {
  readonly name: string
  readonly url: string
  readonly declared: AnyEndpoint
}
const targets: readonly Target[] = Object.entries(routes).flatMap(([base, endpoints]) =>
  endpoints.map((declared) => ({ name: `${declared.method.toUpperCase()} ${declared.path}`, url: base + declared.path, declared })),
)
const having = (part: keyof Schemas) => targets.filter(({ declared }) => declared.request[part] !== undefined)
const schemaOf = ({ declared, name }: Target, part: keyof Schemas): z.ZodType => {
  const schema = declared.request[part]
  if (!schema) throw new Error(`${name} has no ${part}`)
  return schema
}

const someId = '0123456789abcdef01234567'
let app: TestApp
let token = ''
beforeAll(async () => {
  app = await startTestApp()
  const person = await aPerson(app)
  const users = app.context.mongo.connection.collection<UserDocument>('users')
  const admin = await users.findOneAndUpdate({ _id: toObjectId(person.id) }, { $set: { role: 'admin' } }, { returnDocument: 'after' })
  if (!admin) throw new Error('They have just registered')
  token = (await app.context.sessions.open(admin, null)).accessToken
})
afterAll(() => app.close())

interface Sent {
  readonly id?: string
  readonly query?: string
  readonly body?: string
}
interface Answer {
  readonly status: number
  readonly type: string
  readonly paths: readonly string[]
}

const send = async ({ url, declared }: Target, { id = someId, query = '', body }: Sent): Promise<Answer> => {
  const answer = await fetch(`${app.url}${url.replaceAll(/:\w+/g, id)}${query}`, {
    method: declared.method.toUpperCase(),
    redirect: 'manual',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body }),
  })
  const type = answer.headers.get('content-type') ?? ''
  if (type.startsWith('text/event-stream')) {
    await answer.body?.cancel()
    return { status: answer.status, type, paths: [] }
  }
  const text = await answer.text()
  const problem = z
    .object({ errors: z.array(z.object({ path: z.string() })).default([]) })
    .safeParse(type.includes('json') ? JSON.parse(text) : {})
  return { status: answer.status, type, paths: (problem.data?.errors ?? []).map(({ path }) => path) }
}

/** Refused as a bad request, by a problem. */
const isRefused = ({ status, type }: Answer): boolean => status >= 400 && status < 500 && type.startsWith('application/problem+json')

const bodies = having('body')
describe.each(bodies)('the body of $name', (target) => {
  const shape = shapeOf(schemaOf(target, 'body'))
  const fields = fieldsOf(shape)

  it('has no field of a wrong type', async () => {
    for (const field of fields) {
      const { path } = field
      const types = typesOf(field.shape)
      const wrong = values.filter(([type]) => !types.has(type) && !(type === 'number' && types.has('integer')))
      for (const [, value] of wrong) {
        const answer = await send(target, { body: bodyWith(field, value) })
        const told = answer.paths.some((told) => told === 'body' || told === `body.${path[0]}` || told.startsWith(`body.${path[0]}.`))
        expect([path.join('.'), value, answer.status, told]).toEqual([path.join('.'), value, 400, true])
      }
    }
  })

  it('has no field that is not declared', async () => {
    for (const name of ['extra', '$where', '$set', '__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
      const answer = await send(target, { body: `{${JSON.stringify(name)}:{"admin":true}}` })
      expect([name, answer.status, answer.type.startsWith('application/problem+json')]).toEqual([name, 400, true])
    }
  })

  it('is an object', async () => {
    for (const body of ['null', '7', '"text"', '[]', '[{}]', 'true', '{', '\u0000', '{"a":1}}', deep(20_000), deepArray(100_000)]) {
      const answer = await send(target, { body })
      expect([body.slice(0, 20), isRefused(answer)]).toEqual([body.slice(0, 20), true])
    }
  })

  it('of a megabyte is not read', async () => {
    const [field] = fields
    const answer = await send(target, { body: JSON.stringify({ [field?.path[0] ?? 'a']: 'x'.repeat(1_000_000) }) })
    expect([answer.status, isRefused(answer)]).toEqual([413, true])
  })

  it('may hold any text without a fault of ours', async () => {
    for (const field of fields) {
      const { path } = field
      for (const text of texts) {
        const answer = await send(target, { body: bodyWith(field, text) })
        expect([path.join('.'), text.slice(0, 20), answer.status]).toSatisfy(([, , status]) => Number(status) < 500)
        if (answer.status >= 400) expect(answer.type).toMatch(/^application\/problem\+json/)
      }
    }
  })
})

const badQueries = ['limit[$gt]=', 'x', '%00', '__proto__[a]=1', 'constructor=1', 'a'.repeat(8000), '%F0%9F%98%80', '$where=1']

describe.each(having('query'))('the query of $name', (target) => {
  const fields = fieldsOf(shapeOf(schemaOf(target, 'query'))).map(({ path }) => path.join('.'))

  it.each(badQueries)('has no field that is not declared: %s', async (query) => {
    const answer = await send(target, { query: `?${query}` })
    expect(isRefused(answer)).toBe(true)
  })

  it('has one text for each field', async () => {
    for (const field of fields) {
      for (const query of [`${field}=1&${field}=2`, `${field}[]=1`, `${field}[$gt]=`, `${field}.a=1`]) {
        expect([query, isRefused(await send(target, { query: `?${query}` }))]).toEqual([query, true])
      }
    }
  })

  it('may hold any text without a fault of ours', async () => {
    for (const field of fields) {
      for (const text of [
        '%00',
        '%ED%A0%80',
        '-1',
        'NaN',
        '1e99',
        '%7B%22%24gt%22%3A%22%22%7D',
        'x'.repeat(6000),
        '',
        '%F0%9F%98%80',
        '.*',
        '(',
      ]) {
        const { status, type } = await send(target, { query: `?${field}=${text}` })
        expect([field, text, status]).toSatisfy(([, , got]) => Number(got) < 500)
        if (status >= 400) expect(type).toMatch(/^application\/problem\+json/)
      }
    }
  })
})

const badIds = [
  '0',
  '%00',
  'null',
  'undefined',
  '%7B%22$gt%22:%22%22%7D',
  '[object%20Object]',
  '__proto__',
  'G'.repeat(24),
  '0'.repeat(25),
  'x'.repeat(5000),
  '%zz',
  '%ED%A0%80',
  '..%2f..',
]

describe.each(having('params'))('the path of $name', (target) => {
  it.each(badIds)('is refused with %s', async (id) => {
    const answer = await send(target, { id, ...(target.declared.request.body && { body: '{}' }) })
    expect(isRefused(answer)).toBe(true)
  })
})

it('every endpoint is asked', () => {
  expect(bodies.length + having('query').length + having('params').length).toBeGreaterThan(20)
})
