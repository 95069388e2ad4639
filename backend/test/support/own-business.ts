import type { mongo } from 'mongoose'

/** What is left in outboxes, by the worker or by documents that it knows; what is forgotten there; what is to disappear. */
const lookedFor = /"outbox\.(worker|type)"|"outbox":\{"\$elemMatch"|"_id":\{"\$in":.*"outbox":\{"\$exists":true|"disappearsAt":/
const collections = new Set(['admission', 'leases', 'jobs', 'maintenance', 'meta'])

/** Whether a command is one that workers send to the database by themselves every few seconds, whoever asks them something meanwhile. */
export const isOwnBusiness = (name: string, command: mongo.Document): boolean =>
  collections.has(String(command[name])) || lookedFor.test(JSON.stringify(command))
