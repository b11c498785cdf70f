import { InvalidArgumentError } from 'commander'

const secondsIn: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 7 * 86_400,
  y: 365 * 86_400,
}
const longestYears = 100

/**
 * Seconds from a number and a unit: `90s`, `15m`, `36h`, `30d`, `2w`, `1y` (365 days).
 *
 * @throws InvalidArgumentError that says how it looks
 */
export function duration(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,12})([a-z])$/.exec(text) ?? []
  const seconds = Number(count) * (secondsIn[unit] ?? Number.NaN)
  if (count === '' || Number.isNaN(seconds)) {
    throw new InvalidArgumentError('It is a number and a unit (s, m, h, d, w or y), such as 30d.')
  }
  if (seconds === 0) throw new InvalidArgumentError('It has to be longer than nothing.')
  if (seconds > longestYears * 365 * 86_400) throw new InvalidArgumentError(`It is ${longestYears}y at most.`)
  return seconds
}

/** A word for no end; it stays one in options, since commander makes '' of what a parser gives as null. */
export type NoEnd = 'never' | 'forever'

/** What an option that may have no end means: null if it has none. */
export function endOf(value: number | NoEnd): number | null {
  return typeof value === 'number' ? value : null
}

/** A parser of options that are a duration or a word for no end. */
export function durationOr<Word extends NoEnd>(word: Word): (text: string) => number | Word {
  return (text) => {
    if (text === word) return word
    try {
      return duration(text)
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error
      throw new InvalidArgumentError(error.message.replace(/\.$/, `, or ${word}.`))
    }
  }
}
