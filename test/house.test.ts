/** The house of DESIGN section 2 is kept by the linter: the same configuration, on made-up files with every import. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from './support/temporary-directory.ts'

const root = dirname(import.meta.dirname)

/** Which rooms each room may import from. */
const house: Readonly<Record<string, readonly string[]>> = {
  cli: ['client', 'import', 'debian', 'common'],
  import: ['debian', 'common'],
  server: [
    'web',
    'maintenance',
    'incoming',
    'mirror',
    'archive',
    'artifact',
    'storage',
    'access',
    'database',
    'debian',
    'common',
  ],
  web: ['archive', 'artifact', 'storage', 'access', 'database', 'debian', 'common'],
  maintenance: ['incoming', 'archive', 'artifact', 'storage', 'access', 'database', 'debian', 'common'],
  incoming: ['archive', 'artifact', 'storage', 'access', 'database', 'debian', 'common'],
  mirror: ['archive', 'artifact', 'storage', 'access', 'database', 'debian', 'common'],
  archive: ['artifact', 'storage', 'access', 'database', 'debian', 'common'],
  artifact: ['storage', 'access', 'database', 'debian', 'common'],
  storage: ['database', 'common'],
  access: ['database', 'common'],
  database: ['common'],
  client: ['common'],
  debian: ['common'],
  common: [],
}
const rooms = Object.keys(house)

/** Every way to import `thing` and `Thing` from a room. */
const ways: Readonly<Record<string, (from: string) => string>> = {
  value: (from) => `import { thing } from '${from}'\nexport const other = thing\n`,
  type: (from) => `import type { Thing } from '${from}'\nexport type Other = Thing\n`,
  again: (from) => `export { thing } from '${from}'\n`,
  late: (from) => `export const other = async (): Promise<unknown> => import('${from}')\n`,
}

/** The files that break a rule of the repository's configuration, without the folder `src/`, sorted. */
async function refused(files: ReadonlyMap<string, string>, rule: string): Promise<string[]> {
  await using directory = await temporaryDirectory()
  await copyFile(join(root, '.oxlintrc.json'), join(directory.path, '.oxlintrc.json'))
  for (const [path, content] of files) {
    await mkdir(join(directory.path, 'src', dirname(path)), { recursive: true })
    await writeFile(join(directory.path, 'src', path), content)
  }
  const { stdout } = spawnSync(join(root, 'node_modules/.bin/oxlint'), ['--format', 'json', 'src'], {
    cwd: directory.path,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: { code: string; filename: string }[] }
  const names = diagnostics.filter(({ code }) => code.includes(rule)).map(({ filename }) => filename)
  return [...new Set(names.map((name) => name.replace(/^.*src\//, '')))].toSorted()
}

test('a room imports from the rooms below it only, in whichever way', async () => {
  const files = new Map(rooms.map((room) => [`${room}/thing.ts`, 'export const thing = 1\nexport type Thing = 1\n']))
  const forbidden: string[] = []
  for (const room of rooms) {
    for (const other of rooms.filter((each) => each !== room)) {
      for (const [way, text] of Object.entries(ways)) {
        const path = `${room}/${way}-${other}.ts`
        files.set(path, text(`../${other}/thing.ts`))
        if (house[room]?.includes(other) !== true) forbidden.push(path)
      }
    }
  }
  assert.deepEqual(await refused(files, 'no-restricted-imports'), forbidden.toSorted())
})

test('of the commands, only serve opens the rooms of the server', async () => {
  const files = new Map([
    ['database/thing.ts', 'export const thing = 1\n'],
    ['cli/serve-thing.ts', "export { thing } from '../database/thing.ts'\n"],
    ['cli/suite.ts', "export { thing } from '../database/thing.ts'\n"],
  ])
  assert.deepEqual(await refused(files, 'no-restricted-imports'), ['cli/suite.ts'])
})

test('files do not import each other in a circle, types included', async () => {
  const files = new Map([
    ['common/a.ts', "import { b } from './b.ts'\nexport const a = (): number => b()\n"],
    ['common/b.ts', "import { a } from './a.ts'\nexport const b = (): number => a()\n"],
    ['common/c.ts', "import type { D } from './d.ts'\nexport interface C { d: D }\n"],
    ['common/d.ts', "import type { C } from './c.ts'\nexport interface D { c: C }\n"],
    ['common/e.ts', "export { a } from './a.ts'\n"],
  ])
  assert.deepEqual(await refused(files, 'no-cycle'), ['common/a.ts', 'common/b.ts', 'common/c.ts', 'common/d.ts'])
})
