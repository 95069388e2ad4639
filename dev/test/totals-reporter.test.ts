import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { projectFolder } from '../services/project.js'
import { run } from '../services/run.js'
import { aFolder } from './support/folder.js'

/** Runs test files in a project of their own, with this reporter. */
const lastLineOf = async (files: Record<string, string>): Promise<string | undefined> => {
  const folder = aFolder()
  symlinkSync(join(projectFolder, 'node_modules'), join(folder, 'node_modules'))
  const reporter = JSON.stringify(join(projectFolder, 'dev/totals-reporter.ts'))
  const config = `import { totalsReporter } from ${reporter}\nexport default { test: { reporters: ['default', totalsReporter()] } }`
  for (const [name, text] of Object.entries({ 'vitest.config.mts': config, ...files })) writeFileSync(join(folder, name), text)
  const runner = join(projectFolder, 'node_modules/vitest/vitest.mjs')
  const words = [process.execPath, runner, 'run', '--root', folder, '--config', join(folder, 'vitest.config.mts')]
  // Through one pipe: of two, what was written last need not come last.
  const output = await run('sh', ['-c', 'exec "$0" "$@" 2>&1', ...words], { deadlineSeconds: 50 }).then(
    (done) => done.output,
    (error: unknown) => String(error), // it ends with a failure, and its output
  )
  return output.trim().split('\n').at(-1)
}

describe('the last line of a test run', () => {
  it('counts what passed and failed, and a broken file or suite as failed', async () => {
    const tests = `import { beforeAll, describe, expect, it } from 'vitest'
      it('passes', () => { expect(1).toBe(1) })
      it('fails', () => { expect(1).toBe(2) })
      describe('a suite', () => { beforeAll(() => { throw new Error('broken') }); it('is not run', () => {}) })`
    await expect(lastLineOf({ 'a.test.ts': tests, 'b.test.ts': "throw new Error('broken')" })).resolves.toBe('1 passed, 3 failed')
  })

  it('tells of a failure where the run never reached a test', async () => {
    await expect(lastLineOf({})).resolves.toBe('0 passed, 1 failed')
  })
})
