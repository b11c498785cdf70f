/** Some packages of Debian, for tests that compare with Debian's own tools. */
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './apt-root.ts'

/** Small packages with all sorts of fields: multi-arch, relations, tags, several sections, odd versions. */
const wanted = (
  'hello sl tree xz-utils zstd libzstd1 liblzma5 adduser base-files bc bzip2 ca-certificates cowsay dash ' +
  'debianutils diffutils ed file gzip hostname jq less libacl1 libbz2-1.0 libc-l10n libjq1 libstdc++6 make ' +
  'patch zlib1g zlib1g-dev'
).split(' ')

/** Kept below the system's temporary directory for the next run. @returns a folder of .debs, or why there is none. */
export async function realPackages(): Promise<{ readonly path: string } | { readonly missing: string }> {
  const path = join(tmpdir(), 'ashlar-test-debs')
  const present = await readdir(path).catch((): string[] => [])
  if (present.length > 0) return { path }
  const fresh = `${path}.${process.pid}`
  await mkdir(fresh)
  try {
    // What a mirror does not have must not cost the others.
    const known = await run('apt-cache', ['--no-all-versions', 'show', ...wanted])
    const names = wanted.filter((name) => known.stdout.includes(`Package: ${name}\n`))
    if (names.length < 20) return { missing: `apt knows ${names.length} of the packages: ${known.output.slice(-300)}` }
    const options = ['-o', 'APT::Sandbox::User=root', '-o', 'Acquire::http::Timeout=20']
    const got = await run('timeout', ['120', 'apt-get', 'download', ...options, ...names], { cwd: fresh })
    if (got.code !== 0) return { missing: `apt-get download ended with ${got.code}: ${got.output.slice(-500)}` }
    await rename(fresh, path)
    return { path }
  } catch (error) {
    return { missing: String(error) }
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
}
