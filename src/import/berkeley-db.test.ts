/** Berkeley DB read here and by db_dump: the same pairs. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { programMissing } from '../../test/support/old-programs.ts'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import { BerkeleyFile } from './berkeley-db.ts'

const skip = (await programMissing('db_dump')) ?? false

/** Makes a file of several trees with db_load: few and many pairs, long values, many values of one key. */
async function makeDatabase(file: string): Promise<void> {
  const hex = (text: string): string => ` ${Buffer.from(text).toString('hex')}`
  const load = (name: string, lines: readonly string[], header = ''): void => {
    const input = `VERSION=3\nformat=bytevalue\ndatabase=${name}\ntype=btree\n${header}HEADER=END\n${lines.join('\n')}\nDATA=END\n`
    const { status, stderr } = spawnSync('db_load', [file], { input, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }
  load('empty|main|amd64', [])
  load('few', [hex('a\0'), hex('1\0'), hex('b\0'), hex('')])
  const many = Array.from({ length: 3000 }, (_, i) => [hex(`key-${i}`), hex(`${i} `.repeat(i % 40))])
  load('many', many.flat())
  const long = [100, 1000, 5000, 70_000, 1_000_000].flatMap((size) => [hex(`long-${size}`), hex('x'.repeat(size))])
  load('long', long)
  const values = Array.from({ length: 2000 }, (_, i) => [hex('same'), hex(`value ${String(i).padStart(6, '0')}`)])
  load('several', [...values.flat(), hex('zz'), hex('last')], 'duplicates=1\ndupsort=1\n')
}

function dumped(file: string, name: string): string[] {
  const { stdout } = spawnSync('db_dump', ['-s', name, file], { encoding: 'utf8', maxBuffer: 2 ** 26 })
  const lines = stdout.split('HEADER=END\n')[1]?.split('\n') ?? []
  return lines.filter((line) => line.startsWith(' ')).map((line) => line.slice(1))
}

test('every pair of every tree is read as db_dump reads it', { skip }, async () => {
  await using directory = await temporaryDirectory()
  const file = join(directory.path, 'some.db')
  await makeDatabase(file)
  await using database = await BerkeleyFile.open(file)
  const names = await database.names()
  assert.deepEqual(names, ['empty|main|amd64', 'few', 'long', 'many', 'several'])
  for (const name of names) {
    const read: string[] = []
    for await (const pair of database.pairs(name)) read.push(...pair.map((bytes) => bytes.toString('hex')))
    assert.deepEqual(read, dumped(file, name), name)
  }
})

test('a tree that is not in the file is named', { skip }, async () => {
  await using directory = await temporaryDirectory()
  const file = join(directory.path, 'some.db')
  await makeDatabase(file)
  await using database = await BerkeleyFile.open(file)
  await assert.rejects(Array.fromAsync(database.pairs('none')), { code: 'import-unreadable', message: /“none”/ })
})
