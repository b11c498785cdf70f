import { InvalidArgumentError } from 'commander'

const factors: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }

/** Bytes per second as people write them: `500K`, `50M`, `1.5G`, or a number of bytes. */
export function byteRate(text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?)([KMG]?)(?:i?B)?(?:\/s)?$/i.exec(text) ?? []
  const rate = Math.floor(Number(number) * (factors[unit.toUpperCase()] ?? 1))
  if (number === '' || rate < 1 || rate > Number.MAX_SAFE_INTEGER) {
    throw new InvalidArgumentError('It is a rate per second such as 50M, 500K or 1G.')
  }
  return rate
}
