import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A fault put into the built product, to see that the suite finds it. */
export interface Break {
  /** What the product then does wrong. */
  readonly about: string
  readonly edits: readonly { readonly file: string; readonly find: string; readonly replace: string }[]
  /** The faults that bring it out, and on which Redis. */
  readonly faults: readonly string[]
  readonly redis: 'single' | 'sentinel'
}

export const breaks: Readonly<Record<string, Break>> = {
  sweeper: {
    about: 'nobody publishes what a killed worker left',
    edits: [{ file: 'realtime/sweeper.js', find: 'async sweep() {', replace: 'async sweep() {\n        return;' }],
    faults: ['worker killed'],
    redis: 'single',
  },
  publish: {
    about: 'one event in some fifty is stored in the log and not published',
    edits: [
      {
        file: 'realtime/log/scripts.js',
        find: "redis.call(ARGV[6], name, id .. '\\\\n' .. frame)\n  return id",
        replace:
          "if tonumber(string.match(id, '(%d+)-')) % 50 ~= 0 then redis.call(ARGV[6], name, id .. '\\\\n' .. frame) end\n  return id",
      },
    ],
    faults: ['worker killed'],
    redis: 'single',
  },
  joining: {
    about: 'who comes into a conversation is told what was said before',
    edits: [{ file: 'features/conversations/tell-to.js', find: "since: entry.data?.['since'] ??", replace: "since: '0-0' ??" }],
    faults: ['worker killed'],
    redis: 'single',
  },
  forgetting: {
    about: 'an outbox entry is forgotten at once, and a failover loses what the log took last',
    edits: [{ file: 'realtime/outbox.js', find: 'const defaultForgetAfterMs = 45_000', replace: 'const defaultForgetAfterMs = 0' }],
    faults: ['Redis split in two masters'],
    redis: 'sentinel',
  },
  heads: {
    about: 'a worker tells the others of heads that the database has not acknowledged',
    edits: [
      {
        file: 'features/messages/commit-lane.js',
        find: 'const documents = numbered(sent, heads);',
        replace: `const documents = numbered(sent, heads);
            this.#deps.heads.raise(new Map(documents.map(({ conversationId, seq }) => [conversationId.toHexString(), seq])));`,
      },
    ],
    faults: ['database killed'],
    redis: 'single',
  },
  generation: {
    about: 'what is remembered of a database outlives its being put back',
    edits: [
      { file: 'platform/mongo.js', find: 'this.emit(replaced ? ', replace: 'this.#ready = true;\n        this.emit(false ? ' },
      { file: 'platform/mongo.js', find: 'this.#generation = generation;', replace: 'this.#generation ??= generation;' },
    ],
    faults: ['database restored'],
    redis: 'single',
  },
  epoch: {
    about: 'a Redis that has lost its log passes for the same one',
    edits: [
      {
        file: 'realtime/log/scripts.js',
        find: 'table.concat({ own, ARGV[1], run, replication, ARGV[2] }',
        replace: "table.concat({ 'always', ARGV[1], ARGV[2] }",
      },
    ],
    faults: ['Redis restarted empty'],
    redis: 'single',
  },
}

/**
 * Makes a copy of the built product, beside it, where its modules are found: what is built meanwhile does not change a run.
 * @param broken the name of a break to be put into it
 * @returns its folder, to be removed
 * @throws where the code to be broken is not there, or more than once
 */
export const copyOfProduct = (distFolder: string, broken: string | undefined): string => {
  const folder = join(distFolder, `chaos-${process.pid}`)
  for (const name of readdirSync(distFolder))
    if (!name.startsWith('chaos-')) cpSync(join(distFolder, name), join(folder, name), { recursive: true })
  cpSync(join(distFolder, '../pages'), join(distFolder, 'pages'), { recursive: true }) // the product looks for them beside its folder
  for (const { file, find, replace } of breaks[broken ?? '']?.edits ?? []) {
    const path = join(folder, file)
    const parts = readFileSync(path, 'utf8').split(find)
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times what the break ${broken} would change: ${find}`)
    writeFileSync(path, parts.join(replace))
  }
  return folder
}
