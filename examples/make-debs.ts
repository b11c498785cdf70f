/**
 * Makes the packages in examples/debs. They are committed, so this is run only to change them; it gives the same bytes
 * each time.
 *
 *     node examples/make-debs.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { writeAr } from '../src/debian/ar.ts'

interface Example {
  readonly name: string
  readonly version: string
  readonly depends?: string
  readonly description: string
  /** Path below the root -> content. */
  readonly files: Readonly<Record<string, string>>
}

const licence = 'These examples are in the public domain.\n'

const examples: readonly Example[] = [
  {
    name: 'ashlar-greeting',
    version: '1.0',
    description: 'text that ashlar-hello shows\n An example package of Ashlar, to try an archive with.',
    files: { 'usr/share/ashlar-greeting/greeting': 'Hello from an archive that forgets nothing.\n' },
  },
  {
    name: 'ashlar-hello',
    version: '1.0',
    depends: 'ashlar-greeting (>= 1.0)',
    description: 'shows a greeting\n An example package of Ashlar, to try an archive with.',
    files: { 'usr/bin/ashlar-hello': '#!/bin/sh\nexec cat /usr/share/ashlar-greeting/greeting\n' },
  },
  {
    name: 'ashlar-greeting',
    version: '1.1',
    description: 'text that ashlar-hello shows\n An example package of Ashlar, to try an archive with.',
    files: { 'usr/share/ashlar-greeting/greeting': 'Hello again from an archive that forgets nothing.\n' },
  },
]

const folder = new URL('debs/', import.meta.url)
mkdirSync(folder, { recursive: true })
for (const example of examples) {
  // 1.1 is for the tutorial's upgrade; it is not in the folder that is served first.
  const place = example.version === '1.0' ? folder : new URL('upgrade/', import.meta.url)
  mkdirSync(place, { recursive: true })
  writeFileSync(new URL(`${example.name}_${example.version}_all.deb`, place), await debOf(example))
}

async function debOf({ name, version, depends, description, files }: Example): Promise<Buffer> {
  const control = [
    `Package: ${name}`,
    `Version: ${version}`,
    'Architecture: all',
    'Maintainer: Ashlar examples <examples@ashlar.invalid>',
    ...(depends === undefined ? [] : [`Depends: ${depends}`]),
    'Section: misc',
    'Priority: optional',
    `Description: ${description}`,
    '',
  ].join('\n')
  const content = { ...files, [`usr/share/doc/${name}/copyright`]: licence }
  return writeAr([
    ['debian-binary', Buffer.from('2.0\n')],
    ['control.tar.gz', await tarOf({ control })],
    ['data.tar.gz', await tarOf(content)],
  ])
}

/** A gzipped tar of these files and the directories above them, owned by root, with no time of its own. */
async function tarOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const tar = pack()
  const directories = new Set(['./'])
  for (const path of Object.keys(files)) {
    const parts = path.split('/').slice(0, -1)
    for (let depth = 1; depth <= parts.length; depth += 1) directories.add(`./${parts.slice(0, depth).join('/')}/`)
  }
  const common = { mtime: new Date(0), uid: 0, gid: 0, uname: 'root', gname: 'root' }
  for (const name of directories) tar.entry({ ...common, name, type: 'directory', mode: 0o755 })
  for (const [path, content] of Object.entries(files)) {
    tar.entry({ ...common, name: `./${path}`, mode: path.startsWith('usr/bin/') ? 0o755 : 0o644 }, content)
  }
  tar.finalize()
  const pieces: Uint8Array[] = []
  for await (const piece of tar as AsyncIterable<Uint8Array>) pieces.push(piece)
  return gzipSync(Buffer.concat(pieces), { level: 9 })
}
