/**
 * The lines of a Contents index (DebianRepository/Format, '"Contents" indices'): a path, blanks, and the packages that
 * have it, each as `section/name`, sorted and joined by commas.
 *
 * Lines and paths are bytes, held as text of one character for each (latin1): file names have no encoding, and so text
 * compares as its bytes do.
 */

/** Paths shorter than this are filled up with blanks, as dak does, so that people find the packages in one column. */
const PATH_COLUMNS = 55

/** What can stand between the blanks and the commas of a line. */
const labelSection = /^[!-+\--~]*[!-+\--.0-~]$/

/**
 * A package as an index names it. The section has its area where that is not main (`contrib/net`), as Policy 2.4 says;
 * one that no reader of the format could tell from what stands beside it is left out.
 */
export function contentsLabel(section: string | null, name: string): string {
  return section !== null && labelSection.test(section) ? `${section}/${name}` : name
}

/** The path as an index can list it: blanks at its end cannot be told from those that follow it. Empty if nothing is left. */
export function listedPath(path: string): string {
  return path.endsWith(' ') ? path.replace(/(?<! ) +$/, '') : path
}

/** @param labels distinct, in ascending order; at least one */
export function renderContentsLine(path: string, labels: readonly string[]): string {
  return `${path.padEnd(PATH_COLUMNS)} ${labels.join(',')}\n`
}

/** The path of a line that `renderContentsLine` made, with or without its end. */
export function pathOfLine(line: string): string {
  return listedPath(line.slice(0, line.lastIndexOf(' ')))
}

export function labelsOfLine(line: string): string[] {
  return line.slice(line.lastIndexOf(' ') + 1, line.endsWith('\n') ? -1 : undefined).split(',')
}
