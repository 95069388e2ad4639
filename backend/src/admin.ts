import type { BareCommand, Command } from './admin/command.js'
import { commands, usage } from './admin/commands.js'
import { type Config, loadConfig } from './config.js'
import { end } from './end.js'
import { messageOf } from './platform/message-of.js'

const prepared = <P>(name: string, command: { usage: string; prepare(words: string[]): P }, words: string[]): P => {
  try {
    return command.prepare(words)
  } catch (error) {
    return end(2, `${name}: ${messageOf(error)}\n\n  npm run admin -- ${name} ${command.usage}`)
  }
}

/** What is opened is loaded after the words and the configuration: a mistake in them is told at once. */
const workOf = (name: string, command: Command | BareCommand, words: string[]): ((config: Config) => Promise<void>) => {
  if ('bare' in command) {
    const work = prepared(name, command, words)
    return async (config) => work({ config, ...(await import('./admin/run.js')).operatorsTools() })
  }
  const work = prepared(name, command, words)
  return async (config) => (await import('./admin/run.js')).runCommand(config, name, work)
}

/** `npm run admin -- <command>`: ends with 0 where it is done, 1 where it failed or was refused, 2 where something else has to be typed. */
const main = async ([name = '', ...words]: string[]): Promise<void> => {
  const command = commands.get(name)
  if (!command) return ['', 'help', '--help'].includes(name) ? end(0, usage()) : end(2, `${name}: no such command\n\n${usage()}`)
  const work = workOf(name, command, words)
  try {
    await work(await loadConfig())
    end(0)
  } catch (error) {
    end(1, messageOf(error))
  }
}

await main(process.argv.slice(2))
