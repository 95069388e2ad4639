import { createServer } from 'node:net'

const listenOnce = (port: number, host: string | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port, host, exclusive: true }, () => void server.close(() => resolve()))
  })

/** Whether a server could listen on this port; any other failure (no right to a low port) is thrown. */
export const isPortFree = async (port: number): Promise<boolean> => {
  try {
    await listenOnce(port, '127.0.0.1')
    await listenOnce(port, undefined) // all addresses
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return false
    throw error
  }
}

/** Below those that systems give to connections (Linux from 32768 on), one of which would take it before a server listens. */
const [first, count] = [20_000, 12_700]
let next = process.pid * 61 // processes that ask at the same time are given others

/** A port of 127.0.0.1 that nobody listens on now, and nobody in this process was given before. @throws Error where there is none */
export const freePort = async (): Promise<number> => {
  for (const end = next + count; next < end; ) {
    const port = first + (next++ % count)
    if (await isPortFree(port)) return port
  }
  throw new Error(`No port from ${first} to ${first + count - 1} is free`)
}
