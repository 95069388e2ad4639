import type { z } from 'zod'

/** One environment variable: how its text becomes a value, and what `.env.example` says of it. */
export interface Variable<S extends z.ZodType = z.ZodType> {
  readonly section: string
  readonly about: string
  readonly schema: S
  /** Shown, commented out, in `.env.example`: the default or an example; never a usable secret. */
  readonly example: string
  /** A secret may come from the file that `<NAME>_FILE` names, as Docker and Kubernetes mount them. */
  readonly secret?: true
}

export const variable = <S extends z.ZodType>(
  section: string,
  about: string,
  example: string,
  schema: S,
  extra: { secret?: true } = {},
): Variable<S> => ({
  section,
  about,
  example,
  schema,
  ...extra,
})
