import type { RequestHandler } from 'express'
import { isProbe } from './probes.js'
import { Problem } from './problem.js'

/** `chat.example.com` for any port of it, `chat.example.com:8443` for one, `*.example.com` for what is below. */
export const hostPattern = /^(?:(?:\*\.)?[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/

const isAllowed = (host: string, allowed: readonly string[]): boolean => {
  const name = host.replace(/:\d*$/, '').replace(/\.$/, '')
  return allowed.some((pattern) => {
    if (pattern === host || pattern === name) return true
    return pattern.startsWith('*.') && (name.endsWith(pattern.slice(1)) || host.endsWith(pattern.slice(1)))
  })
}

/**
 * Refuses what was sent for another host: a page of a stranger whose name was made to point here, or a proxy that mixes up its servers.
 * Probes come by address, and are let through.
 * @param allowed none: any host is allowed
 */
export const allowedHosts = (allowed: readonly string[]): RequestHandler => {
  if (allowed.length === 0) return (_request, _response, next) => next()
  return (request, _response, next) => {
    const host = request.host?.toLowerCase() ?? ''
    next(isProbe(request.path) || isAllowed(host, allowed) ? undefined : new Problem('misdirected_request'))
  }
}
