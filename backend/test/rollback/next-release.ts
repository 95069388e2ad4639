import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectFolder } from '../../../dev/services/project.js'

export const versions = { former: '0.1.0', next: '0.2.0' } as const

/** The title of the migration that it brings. */
export const broughtMigration = '9999-moods-of-people'

/** A text that a next release's worker stores and does not tell: as one that dies in between. */
export const leftBehind = 'left behind'

interface Patch {
  /** Below the folder of the release. */
  readonly file: string
  readonly from: string
  readonly to: string
}

/**
 * What a next release may bring by the rules of deploy/rollback.md, laid over the compiled present one: an event that is told beside each message, a
 * field of messages and of what is told of them, fields in what passes through Redis and the outboxes, a message to all hubs, an index, a migration.
 */
const brought: readonly Patch[] = [
  {
    file: 'package.json',
    from: `"version": "${versions.former}"`,
    to: `"version": "${versions.next}"`,
  },
  {
    file: 'backend/dist/settings/variables/server.js',
    from: `'What /health calls this version', '${versions.former}', z.string().max(64).default('${versions.former}')`,
    to: `'What /health calls this version', '${versions.next}', z.string().max(64).default('${versions.next}')`,
  },
  {
    file: 'backend/dist/features/messages/service.js',
    from: `outbox: [outboxEntry(this.#deps.worker, 'message.created', now)],`,
    to: `mood: 'merry',
            outbox: [
                outboxEntry(this.#deps.worker, 'message.created', now),
                outboxEntry(this.#deps.worker, 'message.noted', now, { mood: 'merry' }),
            ],`,
  },
  {
    file: 'backend/dist/features/messages/told.js',
    from: `    const entry = { channel: channelOf(message), eventId };`,
    to: `    const entry = { channel: channelOf(message), eventId };
    if (type === 'message.noted') {
        const noted = { messageId: id, seq, mood: data.mood };
        return { ...entry, frame: encodeEvent({ type, ...about, ...noted }), messageId: id, control: { noted } };
    }`,
  },
  {
    file: 'backend/dist/features/messages/view.js',
    from: `    version: message.version,`,
    to: `    version: message.version,
    mood: message.mood ?? null,`,
  },
  {
    file: 'backend/dist/features/messages/model.js',
    from: `messageSchema.index({ conversationId: 1, createdAt: -1 }, { name: 'conversation_created' });`,
    to: `messageSchema.index({ conversationId: 1, createdAt: -1 }, { name: 'conversation_created' });
messageSchema.add({ mood: String });
messageSchema.index({ conversationId: 1, mood: 1 }, { name: 'conversation_mood', sparse: true });`,
  },
  {
    file: 'backend/dist/migrations/list.js',
    from: `];`,
    to: `, {
    number: 9999,
    name: 'moods-of-people',
    about: 'every person has a mood',
    left: (db) => db.collection('users').countDocuments({ mood: { $exists: false } }),
    run: ({ db }) => db.collection('users').updateMany({ mood: { $exists: false } }, { $set: { mood: 'merry' } }),
}];`,
  },
  {
    file: 'backend/dist/realtime/outbox-entry.js',
    from: `return { eventId: randomUUID(),`,
    to: `return { release: '${versions.next}', eventId: randomUUID(),`,
  },
  {
    file: 'backend/dist/realtime/log/redis-log.js',
    from: `JSON.stringify(control)`,
    to: `JSON.stringify({ ...control, release: '${versions.next}' })`,
  },
  {
    file: 'backend/dist/features/streams/tickets.js',
    from: `JSON.stringify({ userId, sessionId, role })`,
    to: `JSON.stringify({ userId, sessionId, role, release: '${versions.next}' })`,
  },
  {
    file: 'backend/dist/context/messaging.js',
    from: `outbox.publish(messageOutbox, stored);`,
    to: `outbox.publish(messageOutbox, stored.filter(({ text }) => text !== '${leftBehind}'));`,
  },
]

/** @throws Error where the place is not there, or there twice: then say here what a next release changes in its stead */
const apply = (folder: string, { file, from, to }: Patch): void => {
  const path = join(folder, file)
  const text = readFileSync(path, 'utf8')
  const places = text.split(from).length - 1
  if (places !== 1) throw new Error(`${file} has ${places} times, not once:\n${from}`)
  writeFileSync(
    path,
    text.replace(from, () => to),
  )
}

/** A checkout with what is compiled, as it is on a machine with PM2 or systemd; with the packages of this one. */
const install = (folder: string): void => {
  mkdirSync(join(folder, 'backend'), { recursive: true })
  for (const name of ['package.json', 'ecosystem.config.js', 'deploy', 'backend/package.json', 'backend/dist', 'backend/pages'])
    cpSync(join(projectFolder, name), join(folder, name), { recursive: true })
  for (const name of ['node_modules', 'backend/node_modules']) symlinkSync(join(projectFolder, name), join(folder, name))
}

/** Installs the former version, and the next one, each into the folder that is given. @throws Error where the next one does not fit any more */
export const installReleases = (folders: { readonly former: string; readonly next: string }): void => {
  for (const folder of [folders.former, folders.next]) install(folder)
  for (const patch of brought) apply(folders.next, patch)
}
