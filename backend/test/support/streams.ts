import { isOwnBusiness } from './own-business.js'
import type { SseClient } from './sse-client.js'
import type { TestApp } from './test-app.js'

/** The data of all events of a name that have come, oldest first. */
export const dataOf = (stream: SseClient, name: string): Record<string, unknown>[] =>
  stream.events.filter(({ event }) => event === name).map(({ data }) => data as Record<string, unknown>)

type Command = Record<string, unknown>

/** Counts the commands that a worker is made to send to the database by `work`, by the command's name and the collection it is for. */
export const countCommands = async (
  app: TestApp,
  name: string,
  collection: string,
  work: () => Promise<unknown>,
  matches: (command: Command) => boolean = () => true,
): Promise<number> => {
  let count = 0
  const client = app.context.mongo.connection.getClient()
  const note = ({ commandName, command }: { commandName: string; command: Command }) => {
    if (commandName === name && command[name] === collection && matches(command) && !isOwnBusiness(name, command)) count += 1
  }
  client.on('commandStarted', note)
  await work().finally(() => client.off('commandStarted', note))
  return count
}
