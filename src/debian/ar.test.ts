import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readAr, writeAr } from './ar.ts'
import { bufferSource } from './byte-source.ts'

const archive = writeAr([
  ['one', Buffer.from('1')],
  ['empty', Buffer.alloc(0)],
  ['fifteen.letters', Buffer.from('22')],
])

async function contents(bytes: Buffer): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for await (const { name, offset, size } of readAr(bufferSource(bytes), 'x.deb')) {
    found[name] = bytes.toString('latin1', offset, offset + size)
  }
  return found
}

test('members come back in their order with their bytes', async () => {
  const found = await contents(archive)
  assert.deepEqual(Object.entries(found), [
    ['one', '1'],
    ['empty', ''],
    ['fifteen.letters', '22'],
  ])
})

test(
  'ar reads what is written here',
  { skip: spawnSync('ar', ['--version']).status === 0 ? false : 'ar is not installed' },
  (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'ashlar-ar-'))
    t.after(() => rmSync(directory, { recursive: true }))
    writeFileSync(join(directory, 'x.a'), archive)
    assert.equal(
      execFileSync('ar', ['t', 'x.a'], { cwd: directory, encoding: 'utf8' }),
      'one\nempty\nfifteen.letters\n',
    )
    assert.equal(execFileSync('ar', ['p', 'x.a', 'one'], { cwd: directory, encoding: 'utf8' }), '1')
  },
)

test('an archive that is cut short is refused, except between members', async () => {
  const whole = new Set([8, 70, 130, archive.length])
  for (let end = 0; end <= archive.length; end += 1) {
    const read = contents(archive.subarray(0, end))
    if (whole.has(end)) await read
    else await assert.rejects(read, { code: 'package-invalid' }, String(end))
  }
})

test('bad headers are refused', async () => {
  const text = archive.toString('latin1')
  const bad = [
    text.replace('!<arch>\n', '!<thin>\n'),
    text.replace('one ', '/one'),
    text.replace('one ', '../x'),
    text.replace('one ', 'o ne'),
    text.replace('1         `', '-1        `'),
    text.replace('1         `', '0x1       `'),
    text.replace('1         `', '          `'),
    text.replace('1         `', '9999999999`'),
    text.replace('`\n1\n', '`\n1x'),
    text.replace('`\n', 'x\n'),
  ]
  for (const input of bad) {
    await assert.rejects(contents(Buffer.from(input, 'latin1')), { code: 'package-invalid' }, JSON.stringify(input))
  }
})

test('a name that does not fit is not written', () => {
  assert.throws(() => writeAr([['seventeen.letters', Buffer.alloc(0)]]), RangeError)
})
