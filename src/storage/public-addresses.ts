/**
 * Which addresses are of the internet at large, and which of this machine or its neighbours: an upstream out there must
 * not have us ask the latter (RFC 6890, the registries of special-purpose addresses).
 */
import { lookup as lookUp, type LookupAddress } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'

const special4: readonly (readonly [network: string, prefix: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]
const special6: readonly (readonly [network: string, prefix: number])[] = [
  // An IPv4 address in disguise: as such, translated (RFC 2765), by Teredo, by 6to4.
  ['::', 96],
  ['::ffff:0:0:0', 96],
  ['2001::', 32],
  ['2002::', 16],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
]

const special = new BlockList()
for (const [network, prefix] of special4) {
  special.addSubnet(network, prefix, 'ipv4')
  // As a translator of IPv6 to IPv4 reaches it (RFC 6052).
  special.addSubnet(`64:ff9b::${network}`, 96 + prefix, 'ipv6')
}
for (const [network, prefix] of special6) special.addSubnet(network, prefix, 'ipv6')

/** Whether an IP address, of either family, can be that of a server on the internet. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address)
  return family !== 0 && !special.check(address, family === 4 ? 'ipv4' : 'ipv6')
}

export type IsPublic = (address: string) => boolean

/** Of a host that leads to an address which is not public. */
export class NotPublic extends Error {
  constructor(host: string, address: string) {
    const named = host === address ? host : `${host}, which is ${address}`
    super(`it redirects from the internet to ${named}: an address of a private network or of this machine`)
  }
}

/** Finds the addresses of a host, for a socket that must not lead to one that is not public. */
export function publicLookup(isPublic: IsPublic): LookupFunction {
  return (host, options, done) => {
    lookUp(host, { ...options, all: true }, (error, found: readonly LookupAddress[]) => {
      if (error !== null) return done(error, '')
      const other = found.find(({ address }) => !isPublic(address))
      const [first] = found
      if (other !== undefined || first === undefined) return done(new NotPublic(host, other?.address ?? 'nowhere'), '')
      if (options.all === true) done(null, [...found])
      else done(null, first.address, first.family)
    })
  }
}
