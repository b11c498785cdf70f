/**
 * Another release of Debian in a directory, as far as its apt needs: unpacked by mmdebstrap, not configured, kept below
 * the system's temporary directory for the next run. Nothing in it is changed but its /tmp.
 */
import { access, mkdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './apt-root.ts'

const mirror = process.env['ASHLAR_TEST_MIRROR'] ?? 'http://deb.debian.org/debian'
/** A mirror that does not answer shall not hold up a test run for ever. */
const limitSeconds = 120

/** The root directory of a release, or why there is none. */
export async function otherRelease(
  name: 'trixie' | 'sid',
): Promise<{ readonly path: string } | { readonly missing: string }> {
  const path = join(tmpdir(), 'ashlar-test-releases', name)
  if (await works(path)) return { path }
  if (process.getuid?.() !== 0) return { missing: 'chroot takes the rights of root' }
  const fresh = `${path}.${process.pid}`
  try {
    await mkdir(join(tmpdir(), 'ashlar-test-releases'), { recursive: true })
    const options =
      '--quiet --mode=root --format=directory --variant=extract --include=base-files,coreutils,dpkg,apt,sqv'
    const old = '--aptopt=Acquire::Check-Valid-Until "false"'
    const words = [String(limitSeconds), 'mmdebstrap', ...options.split(' '), old, name, fresh, mirror]
    const made = await run('timeout', words)
    if (!(await works(fresh)))
      return { missing: `mmdebstrap ${name} ended with ${made.code}: ${made.output.slice(-500)}` }
    await rm(path, { recursive: true, force: true })
    await rename(fresh, path).catch(async (error: unknown) => {
      // Another test file was faster.
      if (!(await works(path))) throw error
    })
    return { path }
  } catch (error) {
    return { missing: `mmdebstrap could not make ${name}: ${String(error)}` }
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
}

async function works(path: string): Promise<boolean> {
  try {
    await access(join(path, 'usr/bin/apt-get'))
    const ran = await run('chroot', [path, 'apt-get', '--version'])
    return ran.code === 0
  } catch {
    return false
  }
}
