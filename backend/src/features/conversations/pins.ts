import type { ConversationDocument } from './model.js'

export const mostPinned = 5

/** One of the five pins that a person has: a key that one conversation can hold. */
export const pinOf = (userId: string, slot: number): string => `${userId}:${slot}`

export const pinsOf = (userId: string): string[] => Array.from({ length: mostPinned }, (_, slot) => pinOf(userId, slot))

export const isPinOf = (pin: string, userId: string): boolean => pin.startsWith(`${userId}:`)

export const isPinned = ({ pins = [] }: Pick<ConversationDocument, 'pins'>, userId: string): boolean =>
  pins.some((pin) => isPinOf(pin, userId))

export const withoutPinsOf = (pins: readonly string[], userId: string): string[] => pins.filter((pin) => !isPinOf(pin, userId))
