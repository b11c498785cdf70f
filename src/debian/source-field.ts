/** The Source field, which names a source package and, where it differs, its version: `name` or `name (version)`. */
import { AshlarError } from '../common/errors.ts'
import { isPackageName } from './names.ts'
import { parseVersion } from './version.ts'

export interface SourceReference {
  readonly name: string
  readonly version: string
}

/**
 * The source package of a binary package or an upload (Debian Policy 5.6.1).
 *
 * @param value the Source field; without one, package and source have the same name.
 * @throws AshlarError `control-invalid` if it breaks the syntax.
 */
export function parseSourceField(value: string | undefined, fallback: SourceReference): SourceReference {
  const match = /^(\S+)(?:[ \t]*\(([^()\s]+)\))?$/.exec(value ?? fallback.name)
  const [, name = '', version = fallback.version] = match ?? []
  if (!isPackageName(name)) {
    throw new AshlarError('control-invalid', `${JSON.stringify(value)} is not the name of a source package.`)
  }
  parseVersion(version)
  return { name, version }
}
