import { cp } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { run } from '../../dev/services/run.js'

const project = fileURLToPath(new URL('tsconfig.build.json', import.meta.url))

/**
 * Compiles what is measured, as production runs it: tsx would add a call to every function that is made.
 * @returns where a script of this folder lies compiled
 * @throws Error with the compiler's messages
 */
export const compileBench = async (): Promise<(script: string) => string> => {
  await run('npx', ['tsc', '-p', project], { deadlineSeconds: 120 })
  await cp(new URL('../pages', import.meta.url), new URL('dist/pages', import.meta.url), { recursive: true })
  return (script) => fileURLToPath(new URL(`dist/bench/${script}`, import.meta.url))
}
