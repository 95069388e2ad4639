import { type Db, MongoServerError } from 'mongodb'
import { becomesTrue } from '../deadline.js'

export const replicaSetName = 'rs0'

const notYetInitialized = 94 // https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml

/** The set's configuration as it stands in the data folder, from an earlier start. */
const storedConfiguration = async (admin: Db): Promise<Record<string, unknown> | undefined> => {
  try {
    const { config } = await admin.command({ replSetGetConfig: 1 })
    return config
  } catch (error) {
    if (error instanceof MongoServerError && error.code === notYetInitialized) return undefined
    throw error
  }
}

/**
 * Makes the server at this address the primary of a replica set of one. The port is another at each start, so a set from
 * an earlier start is told its new address by force: it counts itself as removed until then.
 */
export const bringUpReplicaSet = async (admin: Db, address: string): Promise<void> => {
  const members = [{ _id: 0, host: address }]
  const stored = await storedConfiguration(admin)
  if (stored === undefined) {
    await admin.command({ replSetInitiate: { _id: replicaSetName, members } })
  } else {
    await admin.command({ replSetReconfig: { ...stored, members, version: Number(stored['version']) + 1 }, force: true })
  }
  const isPrimary = async () => (await admin.command({ hello: 1 }))['isWritablePrimary'] === true
  if (!(await becomesTrue(20, isPrimary))) throw new Error(`mongod at ${address} did not become primary in 20 s`)
}
