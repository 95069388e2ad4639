import { createServer } from 'node:net'

const listenOnce = (port: number, host: string | undefined): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(address !== null && typeof address === 'object' ? address.port : port))
    })
  })

/** A port of 127.0.0.1 that nobody listens on now. */
export const freePort = (): Promise<number> => listenOnce(0, '127.0.0.1')

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
