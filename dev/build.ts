import { run } from './services/run.js'

/**
 * Compiles the backend to backend/dist; what has not changed is not written again.
 * @throws Error with the compiler's messages
 */
export const buildBackend = async (): Promise<void> => {
  await run('npm', ['run', '--silent', 'build'], { deadlineSeconds: 600 })
}
