import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Handles the requests of a connection one after another (HTTP/1.1 lets a client send the next before it has its answer). Node hands each over at once,
 * and a response that is not the connection's turn has no socket yet: it is not told when the client goes, and what it opened would stay for ever.
 * So a request waits until the answer before it is through, and one whose connection ends meanwhile is not handled at all. One may wait; a second one
 * ends the connection. A client that waits for its answers notices nothing: over TLS Node learns a turn late that an answer is sent, and the
 * next request may be there by then.
 */
export const inTurn = (handle: (request: IncomingMessage, response: ServerResponse) => void): RequestListener => {
  const latest = new WeakMap<Socket, ServerResponse>()
  return (request, response) => {
    const before = latest.get(request.socket)
    latest.set(request.socket, response)
    if (response.socket) return handle(request, response)
    if (!before?.socket) return void request.socket.destroy() // that one waits itself
    before.once('close', () => {
      if (response.socket) handle(request, response)
    })
  }
}
