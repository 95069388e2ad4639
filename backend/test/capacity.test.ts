import { readFile } from 'node:fs/promises'
import { mongo, Types } from 'mongoose'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { aDirectConversation } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const page = await readFile(new URL('../../docs/capacity.md', import.meta.url), 'utf8')
const measured = [...page.matchAll(/^\| (?<about>[^|]+) \| (?<figure>[\d.,]+)[^|]* \| `(?<file>[\w.-]+\.json)` `(?<path>[^`]+)` \|$/gm)]

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.close())

/** What is at a path of names and indexes; `*` stands for each, of which the median is taken. */
const at = (value: unknown, [name, ...rest]: readonly string[]): number => {
  if (name === undefined) return Number(value)
  if (name === '*') return median(Object.values(Object(value)).map((each) => at(each, rest)))
  return at(Object(value)[name], rest)
}

const median = (figures: readonly number[]): number =>
  figures.toSorted((one, other) => one - other)[Math.floor(figures.length / 2)] ?? Number.NaN

it('the page of capacities has figures of the benchmarks', () => expect(measured.length).toBeGreaterThan(8))

it.each(measured.map(({ groups }) => groups ?? {}))('$about: the result says $figure', async ({ figure = '', file = '', path = '' }) => {
  const result = JSON.parse(await readFile(new URL(`../bench/results/${file}`, import.meta.url), 'utf8'))
  const value = at(result.figures, path.split('/'))
  expect(Number(value.toPrecision(3))).toBe(Number(figure.replaceAll(',', '')))
})

it('a stored message of 100 characters has about as many bytes as the page says', async () => {
  const [, said = ''] = /a stored message of 100 characters[^|]*\| ([\d,]+) B/.exec(page) ?? []
  const { ann, conversation } = await aDirectConversation(app)
  const text = 'the mirror on the second hill answers at noon, when clouds let the Sun through to it and to our tower'.slice(0, 100)
  const { body } = await ann.send(conversation.id, { text }).expect(201)
  const messages = app.context.mongo.connection.collection('messages')
  const stored = await messages.findOne({ _id: new Types.ObjectId(String(body.id)) }, { projection: { outbox: 0 } })
  const bytes = mongo.BSON.calculateObjectSize(stored ?? {})
  expect(Math.abs(bytes - Number(said.replaceAll(',', '')))).toBeLessThan(100)
})
