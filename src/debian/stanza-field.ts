/** One field of a text that is known to be a good paragraph, without reading the rest of it. */

/** The value as deb822.ts would give it; undefined if there is none. Names in any case are found, the written one faster. */
export function stanzaField(stanza: string, name: string): string | undefined {
  const start = startOf(stanza, name)
  if (start === -1) return undefined
  let end = stanza.indexOf('\n', start)
  while (end !== -1 && isBlank(stanza.charCodeAt(end + 1))) end = stanza.indexOf('\n', end + 1)
  const value = stanza.slice(start, end === -1 ? undefined : end)
  return value.replace(/^[ \t]+/, '').trimEnd()
}

/** The place after the colon. */
function startOf(stanza: string, name: string): number {
  if (stanza.startsWith(`${name}:`)) return name.length + 1
  const at = stanza.indexOf(`\n${name}:`)
  if (at !== -1) return at + name.length + 2
  const lower = name.toLowerCase()
  let line = 0
  do {
    const colon = line + lower.length
    if (stanza.charAt(colon) === ':' && stanza.slice(line, colon).toLowerCase() === lower) return colon + 1
    line = stanza.indexOf('\n', line) + 1
  } while (line !== 0)
  return -1
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
