import { Client } from 'pg'

/** How to connect to the Postgres whose socket lies in this folder; connecting fails after 10 s. */
export const connectionSettings = (socketFolder: string) => ({
  host: socketFolder,
  port: 5432,
  user: 'documentdb',
  database: 'postgres',
  connectionTimeoutMillis: 10_000,
})

/** Runs statements one after the other on a connection of their own. @throws Error if Postgres does not answer or refuses one */
export const runStatements = async (socketFolder: string, statements: readonly string[]): Promise<void> => {
  const client = new Client({ ...connectionSettings(socketFolder), statement_timeout: 60_000, query_timeout: 60_000 })
  client.on('error', () => {}) // a broken connection fails the statement; that is told already
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}
