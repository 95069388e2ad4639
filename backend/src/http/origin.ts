import type { Request } from 'express'
import type { Origin } from './endpoint.js'

const mostOfUserAgent = 256

/** Where a request comes from, as far as the configured proxies are believed. */
export const originOf = ({ ip, headers }: Request): Origin => ({
  ip: ip ?? '',
  userAgent: (headers['user-agent'] ?? '').slice(0, mostOfUserAgent),
})
