import { stripVTControlCharacters, styleText } from 'node:util'

/**
 * Rows under titles, aligned, two spaces apart; nothing but blanks at line ends is left out.
 *
 * @param titles one per column; a title that begins with `>` aligns its column to the right.
 */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const names = titles.map((title) => title.replace(/^>/, ''))
  const widths = names.map((name) => name.length)
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, stripVTControlCharacters(cell).length)
    })
  }
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => aligned(cell, widths[column] ?? 0, titles[column]?.startsWith('>') === true)).join('  ')
  const head = styleText('bold', line(names).trimEnd(), { stream: process.stdout })
  return [head, ...rows.map((row) => line(row).trimEnd())].join('\n')
}

/** Names and values below each other; empty values are left out. */
export function listing(entries: readonly (readonly [name: string, value: string])[]): string {
  const shown = entries.filter(([, value]) => value !== '')
  const width = Math.max(0, ...shown.map(([name]) => name.length))
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')
}

function aligned(cell: string, width: number, right: boolean): string {
  const blanks = ' '.repeat(Math.max(0, width - stripVTControlCharacters(cell).length))
  return right ? blanks + cell : cell + blanks
}
