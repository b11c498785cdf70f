/**
 * Takes the Node versions out of the optional packages in package-lock.json (part of `npm run generate`).
 *
 * npm leaves out an optional package whose `engines` do not fit the Node that npm runs on. Ashlar's native binding of
 * xz wants Node 22, and gets Node 26 from the launcher; but npm itself may run on 20, and would leave it out.
 */
import { readFileSync, writeFileSync } from 'node:fs'

interface Lock {
  readonly packages: Readonly<Record<string, { optional?: true; engines?: unknown }>>
}

const file = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(file, 'utf8')) as Lock
for (const each of Object.values(lock.packages)) {
  if (each.optional === true) delete each.engines
}
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
