/** How many lines a text has, each ended by a newline. */
export function countLines(text: Uint8Array): number {
  let count = 0
  for (let at = text.indexOf(NEWLINE); at !== -1; at = text.indexOf(NEWLINE, at + 1)) count += 1
  return count
}

const NEWLINE = 0x0a
