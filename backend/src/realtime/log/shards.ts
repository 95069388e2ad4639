import { shardOfName } from '../../platform/shards.js'
import type { Channel, ControlChannel } from './log.js'

const controlPrefix = 'control:'

/** Each shard has one, ordered with its own events alone. */
export const controlChannel = (shard: number): ControlChannel => `control:${shard}`

export const isControl = (channel: Channel): channel is ControlChannel => channel.startsWith(controlPrefix)

export const shardOfChannel = (channel: Channel, shards: number): number =>
  isControl(channel) ? Number(channel.slice(controlPrefix.length)) : shardOfName(channel, shards)
