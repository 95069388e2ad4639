import type { Reporter, SerializedError, TestCollection, TestModule } from 'vitest/node'

const failedSuites = (children: TestCollection): number => [...children.allSuites()].filter((suite) => suite.errors().length > 0).length

/**
 * Prints the runner's own counts as the very last line. What fails outside a test (a file, a suite, a stray rejection)
 * counts as failed, and so does a run that failed before its first test.
 */
export const totalsReporter = (): Reporter => {
  let passed = 0
  let failed = 0
  const print = (exitCode: number) => console.log(`${passed} passed, ${failed === 0 && exitCode !== 0 ? 1 : failed} failed`)
  return {
    onInit() {
      process.once('exit', print)
    },
    onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]) {
      passed = 0
      failed = unhandledErrors.length
      for (const module of modules) {
        failed += module.errors().length + failedSuites(module.children)
        for (const test of module.children.allTests()) {
          const { state } = test.result()
          if (state === 'passed') passed += 1
          if (state === 'failed') failed += 1
        }
      }
    },
  }
}
