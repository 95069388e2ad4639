import { parseArgs } from 'node:util'
import { z } from 'zod'
import { AuditQuery, viewAuditEntry } from '../features/audit/index.js'
import { type Command, CommandError } from './command.js'

const text = { type: 'string' } as const

export const audit: Command = {
  usage: '[--actor <id>] [--target <id>] [--action <name>] [--from <time>] [--to <time>] [--limit <number>]',
  about: 'Print the audit log, a line of JSON an entry, the newest first',

  prepare(words) {
    const options = { actor: text, target: text, action: text, from: text, to: text, limit: text }
    const query = AuditQuery.safeParse(parseArgs({ args: words, options }).values)
    if (!query.success) throw new CommandError(z.prettifyError(query.error))
    return async ({ context, by, print }) => {
      const { items } = await context.audit.list(query.data)
      await context.audit.record({ action: 'audit.read', outcome: 'done', ...by })
      for (const entry of items) print(JSON.stringify(viewAuditEntry(entry)))
    }
  },
}
