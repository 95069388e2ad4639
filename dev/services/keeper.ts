/**
 * Runs one server and makes sure that it does not outlive the process that asked for it. That one holds the other end of
 * this process's stdin: when it is closed, whether by stop() or because its holder is gone, the server is told to stop,
 * and killed if it does not. Started in a process group of its own, so that Ctrl-C in a terminal does not reach it.
 */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import type { KeptServer } from './supervise.js'

const server: KeptServer = JSON.parse(process.argv[2] ?? '{}')
const child = spawn(server.command, server.arguments, { stdio: ['ignore', 'inherit', 'inherit'] })

const cleanUp = () => {
  if (server.claimFile !== undefined) rmSync(server.claimFile, { force: true })
  if (server.removeFolder !== undefined) rmSync(server.removeFolder, { recursive: true, force: true })
}

const stop = () => {
  child.kill('SIGTERM')
  setTimeout(() => {
    child.kill('SIGKILL')
    cleanUp()
    process.kill(-process.pid, 'SIGKILL') // this group: the server's own children, and this process
  }, server.stopDeadlineSeconds * 1000).unref()
}

process.stdin.on('end', stop).on('error', stop).resume()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)

child.once('error', (error) => {
  console.error(error.message)
  cleanUp()
  process.exit(127)
})
child.once('exit', (code) => {
  cleanUp()
  process.exit(code ?? 1)
})
