import { z } from 'zod'
import { readManagedSecret, type SecretsManagerSettings } from '../platform/secrets-manager.js'
import { readSecretFile } from './secret-files.js'
import { variables } from './variables.js'

type Environment = Readonly<Record<string, string | undefined>>
type Timing = Parameters<typeof readManagedSecret>[1]

/** What says where the secret is cannot be in it. */
const outside = new Set(['SECRETS_MANAGER_ID', 'AWS_ENDPOINT_URL_SECRETS_MANAGER'])
const names: ReadonlySet<string> = new Set(Object.keys(variables).filter((name) => !outside.has(name)))

/** As the console keeps them, or as somebody wrote them. */
const Held = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String))

/** What is added to an environment, and what an operator should know of it; or what is wrong. */
export type Managed = { readonly environment: Environment; readonly warnings: readonly string[] } | { readonly faults: readonly string[] }

/**
 * Adds to an environment the settings that the secret SECRETS_MANAGER_ID holds, a JSON object by their names. What the environment sets itself wins.
 * No fault repeats what the secret holds.
 */
export const withManagedSettings = async (environment: Environment, timing?: Timing): Promise<Managed> => {
  const place = placeOf(environment)
  if ('faults' in place) return place
  const told = (...faults: string[]): Managed => ({ faults: faults.map((fault) => `SECRETS_MANAGER_ID: ${place.id}: ${fault}`) })
  let text: string | undefined
  try {
    text = await readManagedSecret(place, timing)
  } catch (error) {
    return told(error instanceof Error ? error.message : 'cannot be read')
  }
  if (text === undefined) return told('holds bytes, and has to hold a text: a JSON object by the names of settings')
  const held = parsed(text)
  if (held === undefined) return told('is no JSON object by the names of settings')
  const faults = faultsOf(held)
  if (faults.length > 0) return told(...faults)
  return merged(environment, Held.parse(held), place.id)
}

const placeOf = (environment: Environment): SecretsManagerSettings | { readonly faults: readonly string[] } => {
  const { SECRETS_MANAGER_ID: id = '', AWS_REGION, AWS_ENDPOINT_URL_SECRETS_MANAGER: endpoint } = environment
  const region = AWS_REGION || /^arn:[\w-]+:secretsmanager:([a-z0-9-]+):/.exec(id)?.[1]
  if (region === undefined) return { faults: ['AWS_REGION: is required with SECRETS_MANAGER_ID, unless that is an ARN'] }
  if (endpoint && !URL.canParse(endpoint)) return { faults: ['AWS_ENDPOINT_URL_SECRETS_MANAGER: is no URL'] }
  const place = { id, region, endpoint: endpoint || undefined }
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY_FILE: file } = environment
  if (!accessKeyId || !file) return { ...place, credentials: undefined } // the SDK knows the variables, and not the file
  const secret = readSecretFile(file)
  if ('fault' in secret) return { faults: [`AWS_SECRET_ACCESS_KEY_FILE: ${secret.fault}`] }
  return { ...place, credentials: { accessKeyId, secretAccessKey: secret.text } }
}

const parsed = (text: string): Record<string, unknown> | undefined => {
  try {
    return z.record(z.string(), z.unknown()).safeParse(JSON.parse(text)).data
  } catch {
    return undefined // the error would quote the secret
  }
}

/** A name that is none of ours may be a secret in the wrong place: it is not repeated, but where it is one of ours in small letters. */
const faultsOf = (held: Record<string, unknown>): string[] => {
  const unknown = Object.keys(held).filter((name) => !names.has(name))
  const small = unknown.filter((name) => names.has(name.toUpperCase()))
  const own = unknown.filter((name) => outside.has(name))
  const others = unknown.length - small.length - own.length
  const shapeless = Object.keys(held).filter((name) => names.has(name) && !Held.safeParse({ [name]: held[name] }).success)
  return [
    ...small.map((name) => `holds ${name}, which is written ${name.toUpperCase()}`),
    ...own.map((name) => `holds ${name}, which the environment alone can set`),
    ...(others > 0
      ? [`holds ${others === 1 ? 'a name that is no setting' : `${others} names that are no settings`}; .env.example has them all`]
      : []),
    ...shapeless.map((name) => `holds ${name}, and its value is no text`),
  ]
}

const merged = (environment: Environment, held: Readonly<Record<string, string>>, id: string): Managed => {
  const isSet = (name: string): boolean => Boolean(environment[name] || environment[`${name}_FILE`])
  const twice = Object.keys(held).filter(isSet)
  const added = Object.entries(held).filter(([name]) => !isSet(name))
  return {
    environment: { ...environment, ...Object.fromEntries(added) },
    warnings: twice.map((name) => `${name} is set by the environment, which wins over SECRETS_MANAGER_ID: ${id}`),
  }
}
