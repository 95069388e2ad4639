import { randomBytes } from 'node:crypto'
import type { Server } from './database.js'

/** No rehearsal takes as long. */
const leftAfterSeconds = 86_400
const suffix = /^([0-9a-f]{8})[0-9a-f]{4}$/

const beginOf = ({ database }: Pick<Server, 'database'>): string => `${database.slice(0, 38)}-rehearsal-`
const hexOf = (at: Date): string =>
  Math.floor(at.getTime() / 1000)
    .toString(16)
    .padStart(8, '0')

/** A database of its own; its name says since when it is there. */
export const rehearsalOf = (server: Pick<Server, 'database'>, at = new Date()): string =>
  `${beginOf(server)}${hexOf(at)}${randomBytes(2).toString('hex')}`

/** Removes what rehearsals left that were cut short, more than a day ago. @returns the names of these databases */
export const removeFormerRehearsals = async (server: Pick<Server, 'client' | 'database'>): Promise<string[]> => {
  const { databases } = await server.client.db('admin').admin().listDatabases({ nameOnly: true })
  const former = databases.map(({ name }) => name).filter((name) => isFormer(name, beginOf(server)))
  for (const name of former) await server.client.db(name).dropDatabase()
  return former
}

const isFormer = (name: string, begin: string): boolean => {
  const [, since] = name.startsWith(begin) ? (suffix.exec(name.slice(begin.length)) ?? []) : []
  return since !== undefined && Number.parseInt(since, 16) < Date.now() / 1000 - leftAfterSeconds
}
