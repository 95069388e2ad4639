import type { Express, Request } from 'express'
import type { Context } from '../../context.js'
import { Problem } from '../../http/problem.js'
import { isPrivateAddress } from '../../platform/private-addresses.js'
import { answerMetrics } from './answer.js'

/**
 * A proxy that is not trusted makes everybody's address its own: whom it names is not believed, so nobody who comes through it is let in.
 * A trusted one names the client.
 */
const isFromPrivateNetwork = ({ ip, socket, headers, ips }: Request): boolean => {
  const forwarded = headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined || headers['x-real-ip'] !== undefined
  if (forwarded && ips.length === 0) return false
  return [socket.remoteAddress, ip].every((address) => address !== undefined && isPrivateAddress(address))
}

/** `GET /metrics` for who asks from a private network. For others there is no such thing. */
export const mountMetrics = (app: Express, { registry }: Context): void => {
  app.get('/metrics', async (request, response) => {
    if (!isFromPrivateNetwork(request)) throw new Problem('not_found', 'There is nothing at this path')
    await answerMetrics(registry, request, response)
  })
}
