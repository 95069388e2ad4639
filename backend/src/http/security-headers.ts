import type { RequestHandler } from 'express'
import helmet from 'helmet'

/** Answers of an API are no pages: nothing is loaded for them, nothing may frame them. A page sets its own policy in place of this one. */
const policy = { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } }

/** What a browser offers and nothing here needs. */
const permissions = ['accelerometer', 'camera', 'display-capture', 'geolocation', 'gyroscope', 'microphone', 'midi', 'payment', 'usb']
  .map((feature) => `${feature}=()`)
  .join(', ')

const yearSeconds = 365 * 86_400
const transportSecurity = `max-age=${yearSeconds}; includeSubDomains`

/**
 * The headers of every answer. Strict-Transport-Security goes out where clients come by TLS, which a browser would otherwise insist on at a host that has none.
 * @param publicUrl where clients reach the API
 */
export const securityHeaders = (publicUrl: string): RequestHandler[] => {
  const isTls = publicUrl.startsWith('https://')
  return [
    helmet({
      contentSecurityPolicy: policy,
      frameguard: { action: 'deny' },
      referrerPolicy: { policy: 'no-referrer' },
      strictTransportSecurity: false,
      // What only Internet Explorer, Flash and pages with links heed: every header is kept as long as its answer, which a stream makes half a day
      xDownloadOptions: false,
      xPermittedCrossDomainPolicies: false,
      xDnsPrefetchControl: false,
      xXssProtection: false,
      originAgentCluster: false,
    }),
    (request, response, next) => {
      if (isTls || request.secure) response.setHeader('Strict-Transport-Security', transportSecurity)
      response.setHeader('Permissions-Policy', permissions)
      response.setHeader('Cache-Control', 'no-store')
      next()
    },
  ]
}
