import { readFileSync, type StatWatcher, unwatchFile, watchFile } from 'node:fs'
import { isIP } from 'node:net'
import { type CityResponse, Reader } from 'maxmind'
import { z } from 'zod'
import type { Logger } from './logger.js'

const unknown = 'unknown'
const defaultLookEveryMs = 10_000

/** A file that holds a MaxMind DB: it is read once to say so at the start. */
export const placesFile = z.string().refine((path) => {
  try {
    return readPlaces(path).metadata.nodeCount > 0
  } catch {
    return false
  }
}, 'a file in MaxMind DB format, such as GeoLite2-City.mmdb')

const readPlaces = (path: string): Reader<CityResponse> => new Reader<CityResponse>(readFileSync(path))

interface Options {
  /** Without one every place is unknown. */
  readonly file: string | undefined
  readonly logger: Logger
  readonly lookEveryMs?: number
}

/** Where addresses are, roughly, by a file in MaxMind DB format (https://maxmind.github.io/MaxMind-DB/). Another file put in its place is read by itself. */
export class Places {
  readonly #options: Options
  #reader: Reader<CityResponse> | undefined
  #watcher: StatWatcher | undefined
  constructor(options: Options) {
    this.#options = options
  }

  start(): void {
    const { file, lookEveryMs = defaultLookEveryMs } = this.#options
    if (file === undefined || this.#watcher) return
    this.#load(file)
    this.#watcher = watchFile(file, { persistent: false, interval: lookEveryMs }, () => this.#load(file))
  }

  stop(): void {
    const { file } = this.#options
    if (file !== undefined) unwatchFile(file)
    this.#watcher = undefined
  }

  /** @returns `Berlin, Germany`, or `Germany`; `unknown` for what is not in the file */
  placeOf = (ip: string): string => {
    const address = ip.replace(/^::ffff:(?=[\d.]+$)/i, '') // an IPv4 address on an IPv6 socket
    if (!this.#reader || isIP(address) === 0) return unknown
    const { city, country } = this.#reader.get(address) ?? {}
    return [city?.names.en, country?.names.en].filter(Boolean).join(', ') || unknown
  }

  /** A file that cannot be read, half of it written perhaps, leaves what was known. */
  #load(file: string): void {
    try {
      this.#reader = readPlaces(file)
    } catch (error) {
      this.#options.logger.warn({ err: error, file }, 'GEOIP_FILE was not read')
    }
  }
}
