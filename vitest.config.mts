import { defineConfig } from 'vitest/config'
import { supportsThisMachine } from './dev/documentdb/documentdb.js'
import { totalsReporter } from './dev/totals-reporter.js'

// The conformance suite runs against any MongoDB; the engine's own tests start engines, which not every machine can.
const engineTests = [
  'dev/documentdb/conformance/**/*.test.ts',
  ...(supportsThisMachine().supported ? ['dev/documentdb/test/**/*.test.ts'] : []),
]

// A condition is awaited for as long as a busy machine may need; it is a time that decides nothing.
const shared = {
  environment: 'node',
  expect: { poll: { timeout: 30_000 } },
  testTimeout: 60_000,
  hookTimeout: 120_000,
  teardownTimeout: 60_000,
} as const

// oxlint-disable-next-line import/no-default-export -- what vitest reads
export default defineConfig({
  test: {
    globalSetup: './dev/test-services.ts',
    pool: 'forks',
    maxWorkers: 2,
    teardownTimeout: 60_000,
    reporters: ['default', totalsReporter()],
    projects: [
      { test: { ...shared, name: 'backend', include: ['backend/test/**/*.test.ts'] } },
      { test: { ...shared, name: 'dev', include: ['dev/test/**/*.test.ts'] } },
      { test: { ...shared, name: 'documentdb', include: engineTests } },
    ],
  },
})
