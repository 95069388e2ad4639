import type { mongo } from 'mongoose'
import { isOwnBusiness } from './own-business.js'
import type { TestApp } from './test-app.js'

interface Plan {
  readonly index: string | undefined
  /** Whether it is read in another order than it is answered in, or without an index. */
  readonly sortsOrScans: boolean
}

const isAsked = (command: mongo.Document): boolean => !isOwnBusiness('find', command)

/** How the queries of a collection that are asked meanwhile are read, as the database says it. */
export const plansOf = async (app: TestApp, collection: string, asking: () => PromiseLike<unknown>, matches = isAsked): Promise<Plan[]> => {
  const { connection } = app.context.mongo
  const client = connection.getClient()
  const commands: mongo.Document[] = []
  const listen = ({ commandName, command }: mongo.CommandStartedEvent): void => {
    if (commandName === 'find' && command.find === collection && matches(command)) commands.push(command)
  }
  client.on('commandStarted', listen)
  await asking()
  client.off('commandStarted', listen)
  const explained = commands.map(async ({ find, filter, sort, hint, limit, projection }) => {
    const explain = {
      find,
      filter,
      ...(sort && { sort }),
      ...(hint && { hint }),
      ...(limit && { limit }),
      ...(projection && { projection }),
    }
    const { queryPlanner } = await client.db(connection.name).command({ explain })
    const plan = JSON.stringify(queryPlanner.winningPlan)
    return { index: /"indexName":"(\w+)"/.exec(plan)?.[1], sortsOrScans: /"stage":"(SORT|COLLSCAN)"/.test(plan) }
  })
  return Promise.all(explained)
}

/** A query of whatever collection, as it was asked and as the database says that it reads it. */
export interface Explained {
  readonly collection: string
  readonly asked: string
  readonly indexes: readonly string[]
  readonly scans: boolean
}

/** How all finds and aggregations that are asked meanwhile are read. */
export const allPlansOf = async (app: TestApp, asking: () => PromiseLike<unknown>): Promise<Explained[]> => {
  const { connection } = app.context.mongo
  const client = connection.getClient()
  const commands: mongo.Document[] = []
  const listen = ({ commandName, command }: mongo.CommandStartedEvent): void => {
    if ((commandName === 'find' || commandName === 'aggregate') && !isOwnBusiness(commandName, command)) commands.push(command)
  }
  client.on('commandStarted', listen)
  await asking()
  client.off('commandStarted', listen)
  const parts = ['find', 'filter', 'sort', 'hint', 'limit', 'projection', 'aggregate', 'pipeline'] as const
  return Promise.all(
    commands.map(async (command) => {
      const given = Object.fromEntries(parts.flatMap((part) => (command[part] ? [[part, command[part]]] : [])))
      const explained = await client.db(connection.name).command({ explain: { ...given, ...('pipeline' in given && { cursor: {} }) } })
      const plan = JSON.stringify(explained)
      return {
        collection: String(command['find'] ?? command['aggregate']),
        asked: JSON.stringify(given),
        indexes: [...plan.matchAll(/"indexName":"(\w+)"/g)].flatMap(([, name]) => name ?? []),
        scans: plan.includes('"stage":"COLLSCAN"'),
      }
    }),
  )
}
