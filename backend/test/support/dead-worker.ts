import type { TestApp } from './test-app.js'

/** A worker has died, once what it left is stored: whoever sweeps forgets one that has been dead for an hour and has left nothing. */
export const hasDied = async ({ context }: TestApp, worker: string): Promise<void> => {
  const leases = context.mongo.connection.collection<{ _id: string; holder: string; expiresAt: Date }>('leases')
  await leases.insertOne({ _id: `worker:${worker}`, holder: worker, expiresAt: new Date(0) })
}
