/** Options that mean several things: `--component main,contrib` is the same as `--component main --component contrib`. */

/** For an option of names: words separated by commas or blanks, after those of the same option before it. */
export function names(text: string, before?: readonly string[] | boolean): string[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== '')
  return typeof before === 'object' ? [...before, ...words] : words
}

/** For an option of files, in whose paths a comma may stand: one each time. */
export function paths(text: string, before: readonly string[] = []): string[] {
  return [...before, text]
}
