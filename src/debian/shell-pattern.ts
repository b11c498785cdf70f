/**
 * Shell patterns as aptly's queries have them: those of Go's `path/filepath.Match`.
 *
 * `*` is any text without a slash, `?` one character other than a slash, `[a-z]` and `[^a-z]` one of a class, and `\`
 * takes the next character as it is. A pattern matches the whole text.
 */

/** One step of a pattern: what a character has to be, or `*`. */
type Step = '*' | ((character: string) => boolean)

export interface ShellPattern {
  matches(text: string): boolean
  /** What every text that matches begins with; the whole text if the pattern has nothing special. */
  readonly prefix: string
  /** Whether only the prefix itself matches. */
  readonly exact: boolean
}

/** @returns what is wrong with the pattern, if it is not one. */
export function parseShellPattern(text: string): ShellPattern | string {
  const characters = Array.from(text)
  const steps: Step[] = []
  let prefix = ''
  let exact = true
  for (let at = 0; at < characters.length; at += 1) {
    let character = characters[at] ?? ''
    if (character === '*') {
      steps.push('*')
      exact = false
    } else if (character === '?') {
      steps.push((other) => other !== '/')
      exact = false
    } else if (character === '[') {
      const found = readClass(characters, at + 1)
      if (typeof found === 'string') return found
      steps.push(found.step)
      at = found.end
      exact = false
    } else {
      if (character === '\\') {
        at += 1
        if (at === characters.length) return 'it ends with a backslash'
        character = characters[at] ?? ''
      }
      const wanted = character
      steps.push((other) => other === wanted)
      if (exact) prefix += wanted
    }
  }
  return { prefix, exact, matches: (candidate) => matchSteps(steps, Array.from(candidate)) }
}

/** @param start the place after the `[` */
function readClass(characters: readonly string[], start: number): { step: Step; end: number } | string {
  const ranges: (readonly [low: string, high: string])[] = []
  const negated = characters[start] === '^'
  const unclosed = 'a class that begins with [ has no ]'
  let at = negated ? start + 1 : start
  const single = (): string | undefined => {
    if (characters[at] === '\\') at += 1
    const character = characters[at]
    at += 1
    return character
  }
  while (characters[at] !== ']' || ranges.length === 0) {
    if (characters[at] === '-' || characters[at] === ']') return 'a class has a - or ] where a character is expected'
    const low = single()
    if (low === undefined) return unclosed
    let high: string | undefined = low
    if (characters[at] === '-') {
      at += 1
      if (characters[at] === '-' || characters[at] === ']') return 'a range of a class has no end'
      high = single()
    }
    if (high === undefined || at >= characters.length) return unclosed
    ranges.push([low, high])
  }
  const has = (character: string): boolean =>
    ranges.some(([low, high]) => codeOf(low) <= codeOf(character) && codeOf(character) <= codeOf(high))
  return { step: (character) => has(character) !== negated, end: at }
}

/** Goes back to the last `*` only, so that the time is bounded by the product of the two lengths. */
function matchSteps(steps: readonly Step[], text: readonly string[]): boolean {
  let [step, at] = [0, 0]
  let [starStep, starAt] = [-1, -1]
  while (at < text.length) {
    const wanted = steps[step]
    const character = text[at] ?? ''
    if (wanted === '*') {
      starStep = step
      starAt = at
      step += 1
    } else if (wanted !== undefined && wanted(character)) {
      step += 1
      at += 1
    } else if (starStep !== -1 && text[starAt] !== '/') {
      starAt += 1
      at = starAt
      step = starStep + 1
    } else {
      return false
    }
  }
  while (steps[step] === '*') step += 1
  return step === steps.length
}

function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0
}
