/** What the process that wants an engine tells the server, in its only argument. */
export interface ServerOptions {
  readonly root: string
  readonly dataFolder: string
  readonly durable: boolean
}

/** What the server tells that process. */
export type ServerMessage = { readonly kind: 'ready'; readonly url: string } | { readonly kind: 'failed'; readonly reason: string }
