import { serialize } from 'bson'
import type { Engine } from './engine.js'

/** The version of MongoDB whose behaviour drivers may expect; its wire version is 21. */
const version = '7.0.0'
const maxDocumentBytes = 16_777_216
/** The longest message a driver may send. */
export const maxMessageBytes = 48_000_000

export const ok = (fields: object = {}): Uint8Array => serialize({ ...fields, ok: 1 })

/** The handshake: a replica set of one, which has no primary while Postgres is away. */
export const hello = ({ database, address, replicaSet }: Engine, primaryField: 'isWritablePrimary' | 'ismaster'): Uint8Array =>
  ok({
    [primaryField]: database.up,
    secondary: false,
    helloOk: true,
    setName: replicaSet,
    setVersion: 1,
    hosts: [address],
    me: address,
    ...(database.up && { primary: address }),
    maxBsonObjectSize: maxDocumentBytes,
    maxMessageSizeBytes: maxMessageBytes,
    maxWriteBatchSize: 25_000,
    localTime: new Date(),
    logicalSessionTimeoutMinutes: 30,
    minWireVersion: 0,
    maxWireVersion: 21,
    readOnly: false,
  })

export const buildInfo = (): Uint8Array =>
  ok({ version, versionArray: [7, 0, 0, 0], bits: 64, maxBsonObjectSize: maxDocumentBytes, modules: ['documentdb'] })

export const serverStatus = ({ connections }: Engine): Uint8Array =>
  ok({ host: '127.0.0.1', version, process: 'documentdb', uptime: process.uptime(), connections: { current: connections } })
