const shared = `
listen_addresses = ''                       # a unix socket only
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = 128MB
shared_preload_libraries = 'pg_cron,pg_documentdb_core,pg_documentdb,pg_documentdb_extended_rum'
max_worker_processes = 20
deadlock_timeout = 10ms                     # unique indexes are exclusion constraints: batches that race end in deadlocks
jit = off
autovacuum_naptime = 5s                     # no sort uses an index of a grown collection before it has been analysed
timezone = 'UTC'
log_timezone = 'UTC'
logging_collector = off
log_min_messages = fatal                    # at 'warning' the extension logs several lines a write
log_min_error_statement = panic             # ... and whole documents in hex
cron.database_name = 'postgres'
cron.use_background_workers = on            # otherwise it opens connections of its own
cron.log_run = off
cron.log_statement = off
documentdb.force_index_builds_blocking = on # CREATE INDEX CONCURRENTLY waits for every open transaction
documentdb_core.enableCollation = on
documentdb.enableCollationWithNonUniqueOrderedIndexes = on
documentdb.useFileBasedPersistedCursors = on          # an open cursor then pins no connection
documentdb.defaultCursorExpiryTimeLimitSeconds = 600  # as MongoDB's
documentdb.alternate_index_handler_name = 'extended_rum' # only its indexes can serve a sort
`

const forgetful = `
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
`

/** Postgres' configuration. Not durable means fast, and lost with the machine (not with the process). */
export const postgresSettings = (durable: boolean): string => (durable ? shared : shared + forgetful)

/** What only holds for one start: where the socket is, for clients and for the extension, which calls back. */
export const socketArguments = (socketFolder: string): string[] =>
  [
    `unix_socket_directories=${socketFolder}`,
    `cron.host=${socketFolder}`,
    `documentdb.localhost_connection_string=host=${socketFolder}`,
  ].flatMap((setting) => ['-c', setting])

/** Run once in a new database. Indexes are built by the gateway at once, not by the extension's job every two seconds. */
export const setupStatements = [
  'CREATE EXTENSION documentdb CASCADE',
  'CREATE EXTENSION documentdb_extended_rum',
  "SELECT cron.unschedule(jobid) FROM cron.job WHERE command LIKE '%build_index_concurrently%'",
  `SELECT cron.schedule('forget-retries', '*/5 * * * *',
     $$DELETE FROM documentdb_data.retryable_writes WHERE write_time < now() - interval '30 minutes'$$)`,
]
