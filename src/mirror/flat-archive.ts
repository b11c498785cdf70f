/**
 * Flat archives, as many vendors have them (sources.list(5), "exact path"): a suite that ends with a slash is a directory
 * of the archive with its Release and its indexes beside each other, without components, all machines in one index. Pure.
 */

/** The component that its packages are in here, since here every package is in one. */
export const flatComponent = 'main'

/** Stands for the machines of an index that lists packages for every one. */
export const ANY_MACHINE = 'any'

/** `/`, `./`, `ubuntu2204/` */
export function isFlat(upstreamSuite: string): boolean {
  return upstreamSuite.endsWith('/')
}

/** Whether a suite that ends with a slash is a directory below the archive. */
export function isFlatPath(upstreamSuite: string): boolean {
  const path = withoutDot(upstreamSuite)
  if (path === '') return true
  const segments = path.slice(0, -1).split('/')
  return segments.every((segment) => /^[A-Za-z0-9+~_-][A-Za-z0-9.+~_-]*$/.test(segment)) && path.length <= 200
}

/** Where the Release of a suite lies below the archive: empty, or with a slash at its end. */
export function directoryOf(upstreamSuite: string): string {
  return isFlat(upstreamSuite) ? withoutDot(upstreamSuite) : `dists/${upstreamSuite}/`
}

function withoutDot(path: string): string {
  return path.replace(/^(?:\.?\/)+/, '')
}
