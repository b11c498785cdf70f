import { InvalidArgumentError } from 'commander'

const letters = ['', 'K', 'M', 'G', 'T', 'P'] as const

/**
 * Bytes that a size stands for: `500G`, `1.5T`, `20MiB`, `1000`. Plain letters are powers of 1000, as disks are sold
 * and `du --si` counts; with `i` (`GiB`) they are powers of 1024. The letter B, and case, make no difference.
 */
export function parseSize(text: string): number {
  const match = /^(?<number>\d+(?:\.\d+)?)\s*(?<letter>[KMGTP]?)(?<binary>i?)B?$/i.exec(text)
  const { number = '', letter = '', binary = '' } = match?.groups ?? {}
  const power = letters.findIndex((each) => each === letter.toUpperCase())
  const sizeBytes = Math.round(Number(number) * (binary === '' ? 1000 : 1024) ** power)
  if (match === null || (binary !== '' && letter === '') || !Number.isSafeInteger(sizeBytes) || sizeBytes < 1) {
    throw new InvalidArgumentError('It has to be a size such as 500G, 1.5T or 20GiB.')
  }
  return sizeBytes
}

/** What an option says that can be taken away. (A parser that gives null would be understood as an empty text.) */
export type OrNone = number | 'none'

export function sizeOrNone(text: string): OrNone {
  return text === 'none' ? text : parseSize(text)
}

/** The members that are given; null for those that are taken away. */
export function orNull<Name extends string>(members: { readonly [Key in Name]?: OrNone | undefined }): {
  readonly [Key in Name]?: number | null
} {
  const given = Object.entries<OrNone | undefined>(members).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given.map(([name, value]) => [name, value === 'none' ? null : value])) as {
    readonly [Key in Name]?: number | null
  }
}
