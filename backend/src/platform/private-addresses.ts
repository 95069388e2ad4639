import { BlockList, isIPv6 } from 'node:net'

const networks = new BlockList()
// RFC 1918, RFC 6598 (between a provider and its customers; Kubernetes uses it, too), RFC 3927, RFC 1122
for (const [network, bits] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['127.0.0.0', 8],
] as const)
  networks.addSubnet(network, bits, 'ipv4')
// RFC 4193, RFC 4291
networks.addSubnet('fc00::', 7, 'ipv6')
networks.addSubnet('fe80::', 10, 'ipv6')
networks.addAddress('::1', 'ipv6')

/** True for addresses that the Internet does not route. An IPv4 address in an IPv6 one is what it holds. */
export const isPrivateAddress = (address: string): boolean => networks.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
