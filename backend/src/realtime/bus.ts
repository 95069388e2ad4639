/** Where an event goes: to everyone in a conversation, or to every device of a person. */
export type Channel = `conversation:${string}` | `user:${string}`

/** What the hubs of all workers must know by themselves. */
export interface ControlMessage {
  readonly joined: { readonly conversationId: string; readonly userIds: readonly string[] }
}

export type Publication = { readonly channel: Channel; readonly frame: Buffer } | { readonly control: ControlMessage }

/** What a hub does with what arrives. */
export interface BusListener {
  frame(channel: Channel, frame: Buffer): void
  control(message: ControlMessage): void
  /** The connection was lost: something may have been missed, and nothing is subscribed any more. */
  gap(): void
}

/** Carries frames from the worker that publishes to the workers that stream. One connection keeps the order of one publisher. */
export interface EventBus {
  /** Hands over, in order. @throws where Redis is away; nobody was told then */
  publish(publications: readonly Publication[]): Promise<void>
  /** Once resolved, everything published afterwards arrives. @throws where Redis is away */
  subscribe(channel: Channel): Promise<void>
  unsubscribe(channel: Channel): void
  listen(listener: BusListener): void
}
