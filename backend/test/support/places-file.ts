import { isIPv4 } from 'node:net'

/** What MaxMind DB files hold, as far as places need it: https://maxmind.github.io/MaxMind-DB/. */
type Value = string | number | { readonly [name: string]: Value } | readonly Value[]

interface Node {
  0?: Node | Buffer
  1?: Node | Buffer
}

const mapType = 7
const arrayType = 11
const stringType = 2
const uint32Type = 6
const dataGap = 16
const recordBytes = 3

const control = (type: number, size: number): Buffer => {
  const [head, more] = size < 29 ? [size, []] : [29, [size - 29]]
  return type > 7 ? Buffer.from([head, type - 7, ...more]) : Buffer.from([(type << 5) | head, ...more])
}

const encode = (value: Value): Buffer => {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value)
    return Buffer.concat([control(stringType, bytes.length), bytes])
  }
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return Buffer.concat([control(uint32Type, 4), bytes])
  }
  if (Array.isArray(value)) return Buffer.concat([control(arrayType, value.length), ...value.map(encode)])
  const entries = Object.entries(value)
  return Buffer.concat([control(mapType, entries.length), ...entries.flatMap(([name, content]) => [encode(name), encode(content)])])
}

/** `192.0.2.0/24`, or an IPv6 network with all its groups written out -> its bits; IPv4 lies in ::/96. */
const bitsOf = (network: string): string => {
  const [address = '', length = ''] = network.split('/')
  const bits = isIPv4(address)
    ? '0'.repeat(96) +
      address
        .split('.')
        .map((part) => Number(part).toString(2).padStart(8, '0'))
        .join('')
    : address
        .split(':')
        .map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0'))
        .join('')
  return bits.slice(0, isIPv4(address) ? 96 + Number(length) : Number(length))
}

const treeOf = (records: Readonly<Record<string, Value>>): Node => {
  const root: Node = {}
  for (const [network, record] of Object.entries(records)) {
    const bits = bitsOf(network)
    let node = root
    for (const bit of bits.slice(0, -1)) {
      const side = bit === '1' ? 1 : 0
      const next = node[side] ?? {}
      if (Buffer.isBuffer(next)) throw new Error('networks may not lie in each other')
      node[side] = next
      node = next
    }
    node[bits.endsWith('1') ? 1 : 0] = encode(record)
  }
  return root
}

/** A small file in MaxMind DB format. @param records what is known, by network */
export const aPlacesFile = (records: Readonly<Record<string, Value>>): Buffer => {
  const nodes: Node[] = [treeOf(records)]
  for (const node of nodes) for (const next of [node[0], node[1]]) if (next && !Buffer.isBuffer(next)) nodes.push(next) // grows as it goes
  const data: Buffer[] = []
  let dataBytes = 0
  const tree = Buffer.alloc(nodes.length * recordBytes * 2)
  const numberOf = (next: Node | Buffer | undefined): number => {
    if (!next) return nodes.length // nothing is known
    if (!Buffer.isBuffer(next)) return nodes.indexOf(next)
    data.push(next)
    dataBytes += next.length
    return nodes.length + dataGap + dataBytes - next.length
  }
  nodes.forEach((node, n) => {
    for (const side of [0, 1] as const) tree.writeUIntBE(numberOf(node[side]), (2 * n + side) * recordBytes, recordBytes)
  })
  const metadata = encode({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_700_000_000,
    database_type: 'Test-City',
    description: { en: 'made by a test' },
    ip_version: 6,
    languages: ['en'],
    node_count: nodes.length,
    record_size: recordBytes * 8,
  })
  return Buffer.concat([tree, Buffer.alloc(dataGap), ...data, Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'), metadata])
}
