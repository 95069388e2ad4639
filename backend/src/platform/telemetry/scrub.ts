import type { ErrorEvent } from '@sentry/node'

/** What tells nothing about a person, nor opens anything. All other headers stay here. */
const harmlessHeaders = new Set(['accept', 'content-length', 'content-type', 'host', 'user-agent'])

/** A bearer token, a JWT, the password in a URL, a phone number, an e-mail address: what a library may put into the message of an error. */
const secrets: readonly (readonly [RegExp, string])[] = [
  [/\bBearer\s+\S+/gi, 'Bearer [hidden]'],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '[hidden]'],
  [/(\w+:\/\/)[^/\s@]+@/g, '$1[hidden]@'],
  [/[^\s@<>"']+@[^\s@<>"']+\.[a-z]{2,}/gi, '[hidden]'],
  [/\+\d{7,15}\b/g, '[hidden]'],
]

const withoutSecrets = (text: string): string =>
  secrets.reduce((left, [pattern, replacement]) => left.replaceAll(pattern, replacement), text)

/** An event as it may leave, which is made of the one that is given: who asked, with what and what for stays here, and messages of errors lose what looks like a secret. */
export const scrubbed = (event: ErrorEvent): ErrorEvent => {
  const { user: _user, breadcrumbs: _breadcrumbs, extra: _extra, request, exception, message, ...rest } = event
  const headers = Object.entries(request?.headers ?? {}).filter(([name]) => harmlessHeaders.has(name.toLowerCase()))
  for (const each of exception?.values ?? []) if (each.value !== undefined) each.value = withoutSecrets(each.value)
  return {
    ...rest,
    ...(message !== undefined && { message: withoutSecrets(message) }),
    ...(exception && { exception }),
    ...(request && {
      request: {
        ...(request.method !== undefined && { method: request.method }),
        ...(request.url !== undefined && { url: request.url.replace(/[?#].*$/s, '') }),
        headers: Object.fromEntries(headers),
      },
    }),
  }
}
