/** The packages that the model plays with: few names, so that they meet each other often. */
import type { ArchiveWorld } from '../support/archive-world.ts'
import type { DebRecipe } from '../support/make-deb.ts'

export interface ModelPackage {
  readonly id: number
  readonly kind: 'deb' | 'udeb' | 'dsc'
  readonly name: string
  readonly version: string
  readonly architecture: string
  readonly map: 'packages' | 'udeb' | 'debug' | 'sources'
  readonly source: string
  readonly sourceVersion: string
  readonly section: string | null
  readonly stanza: string
  /** The file names that an archive gives its files, with their digests. */
  readonly files: readonly { readonly name: string; readonly sha256: string }[]
  /** Of the .deb or .dsc. */
  readonly sha256: string
  /** What it installs. */
  readonly paths: readonly string[]
}

/** Makes and keeps the packages. */
export async function universe(world: ArchiveWorld): Promise<ModelPackage[]> {
  const ids: number[] = []
  const paths = new Map<number, readonly string[]>()
  const deb = async (name: string, version: string, more: Partial<DebRecipe> = {}): Promise<void> => {
    const files = more.files ?? filesOf(name, version)
    const id = await world.deb(name, version, { ...more, files })
    ids.push(id)
    paths.set(id, Object.keys(files))
  }
  for (const version of ['1.0-1', '1.0-2', '2.0-1']) {
    ids.push(await world.source('alpha', version))
    for (const architecture of ['amd64', 'arm64']) {
      const built = { architecture, source: 'alpha' }
      // Long descriptions that versions and architectures share, or not.
      const about = version === '2.0-1' ? `newer on ${architecture}\n Both say so.` : 'the first\n Of letters.'
      await deb('alpha', version, { ...built, description: about })
      await deb('alpha-dbgsym', version, {
        ...built,
        section: 'debug',
        extraControl: 'Auto-Built-Package: debug-symbols\n',
      })
    }
    await deb('alpha-doc', version, { source: 'alpha' })
    await deb('alpha-udeb', version, {
      architecture: 'amd64',
      source: 'alpha',
      section: 'debian-installer',
      extraControl: 'Package-Type: udeb\n',
    })
  }
  // Other bytes of a version; an epoch that file names leave out; a package that moves to another source.
  await deb('alpha', '1.0-1', { architecture: 'amd64', source: 'alpha', files: { 'usr/bin/alpha': 'rebuilt\n' } })
  await deb('alpha-doc', '2.0-1', { source: 'alpha', files: { 'usr/share/doc/alpha/README': 'rebuilt\n' } })
  await deb('alpha', '3.0-1', { architecture: 'amd64', source: 'libbeta (2~rc1)' })
  for (const version of ['1:1.0', '2~rc1']) ids.push(await world.source('libbeta', version))
  for (const version of ['1.0', '1:1.0', '2~rc1', '1:2.0']) {
    await deb('libbeta1', version, {
      architecture: 'amd64',
      source: version === '1:2.0' ? 'libbeta (1:1.0)' : 'libbeta',
    })
  }
  await deb('gamma', '1', { section: 'contrib/net', architecture: 'arm64' })
  await deb('gamma', '1.00', { section: 'net' })
  await deb('delta', '1', { architecture: 'riscv64' })
  // Long entries, so that maps have several chunks; some move to another source, and say the same there.
  for (const [i, name] of ['long-a', 'long-b', 'long-c', 'long-d', 'long-e', 'long-f', 'm0', 'z9'].entries()) {
    for (const version of i % 4 === 0 ? ['1', '2', '3'] : ['1', '2']) {
      await deb(name, version, {
        ...(version === '3' && { source: i === 0 ? 'zeta' : 'aleph' }),
        architecture: i % 3 === 2 ? 'amd64' : 'all',
        extraControl: longFields(`${name} ${version}`, 500 + 100 * i),
        description: `long\n${longLines(i % 2 === 0 ? name : `${name} ${version}`, 400 + 100 * i)}`,
      })
    }
  }
  return describe(world, ids, paths)
}

/** Some that other packages or other versions have too; of one package many, so that Contents has several chunks. */
function filesOf(name: string, version: string): Record<string, string> {
  const paths = [`usr/share/doc/${name}/copyright`, `usr/lib/${version}/${name}`, 'usr/share/shared']
  if (name === 'long-a') {
    for (let i = 0; i < 3000; i += 1)
      paths.push(`usr/share/${(i * 7919) % 3000}/${'x'.repeat(100)}/${i % 50}-${version}`)
  }
  return Object.fromEntries(paths.map((path) => [path, path === 'usr/share/shared' ? '' : `${name} ${version}`]))
}

/** Lines of a description, likewise. */
function longLines(salt: string, count: number): string {
  return Array.from({ length: count }, (_, i) => ` ${i} ${salt} ${'y'.repeat(90)}`).join('\n')
}

/** Fields of about a hundred bytes each, different for each package, and quick to compress. */
function longFields(salt: string, count: number): string {
  const filler = 'x'.repeat(90)
  return Array.from({ length: count }, (_, i) => `X-${i}: ${salt} ${filler}\n`).join('')
}

async function describe(
  world: ArchiveWorld,
  ids: readonly number[],
  paths: ReadonlyMap<number, readonly string[]>,
): Promise<ModelPackage[]> {
  const rows = await world.db.read
    .selectFrom('package')
    .innerJoin('file', 'file.id', 'package.file_id')
    .selectAll('package')
    .select('file.sha256')
    .where('package.id', 'in', [...ids])
    .orderBy('package.id')
    .execute()
  const files = await world.db.read
    .selectFrom('package_file')
    .innerJoin('file', 'file.id', 'package_file.file_id')
    .select(['package_id', 'name', 'sha256'])
    .where('package_id', 'in', [...ids])
    .execute()
  return rows.map((row) => ({
    id: row.id,
    kind: row.kind,
    name: row.name,
    version: row.version,
    architecture: row.architecture,
    map: row.kind === 'dsc' ? 'sources' : row.kind === 'udeb' ? 'udeb' : row.debug_symbols === 1 ? 'debug' : 'packages',
    source: row.source_name,
    sourceVersion: row.source_version,
    section: row.section,
    stanza: row.stanza,
    files: files.filter((file) => file.package_id === row.id).map(({ name, sha256 }) => ({ name, sha256 })),
    sha256: row.sha256,
    paths: paths.get(row.id) ?? [],
  }))
}
