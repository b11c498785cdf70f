import assert from 'node:assert/strict'
import { it } from 'node:test'
import * as fc from 'fast-check'
import { contentsLabel, labelsOfLine, listedPath, pathOfLine, renderContentsLine } from './contents.ts'

/** Any byte but NUL and the newline, which no path of a package has. */
const path = fc
  .array(
    fc.integer({ min: 1, max: 255 }).filter((byte) => byte !== 10),
    { minLength: 1, maxLength: 80 },
  )
  .map((bytes) => listedPath(Buffer.from(bytes).toString('latin1')))
  .filter((text) => text !== '')
const label = fc.stringMatching(/^([a-z]{1,8}\/){0,2}[a-z0-9][a-z0-9.+-]{1,10}$/)

it('a line has the path, blanks, and the packages', () => {
  assert.equal(
    renderContentsLine('bin/bash', ['shells/bash']),
    'bin/bash                                                shells/bash\n',
  )
  const long = `usr/share/${'x'.repeat(60)}`
  assert.equal(renderContentsLine(long, ['a/b', 'c']), `${long} a/b,c\n`)
})

it('a line is read as it was made, whatever the bytes of its path', () => {
  fc.assert(
    fc.property(path, fc.uniqueArray(label, { minLength: 1, maxLength: 5 }), (name, labels) => {
      const line = renderContentsLine(name, labels)
      assert.equal(pathOfLine(line), name)
      assert.equal(pathOfLine(line.slice(0, -1)), name)
      assert.deepEqual(labelsOfLine(line), labels)
      assert.deepEqual(labelsOfLine(line.slice(0, -1)), labels)
      assert.deepEqual(Buffer.from(line, 'latin1').toString('latin1'), line)
    }),
  )
})

it('a package stands below its section, with the area that the section names', () => {
  assert.equal(contentsLabel('net', 'curl'), 'net/curl')
  assert.equal(contentsLabel('contrib/net', 'curl'), 'contrib/net/curl')
  assert.equal(contentsLabel(null, 'curl'), 'curl')
})

it('a section that would break the line is left out', () => {
  for (const section of ['', 'a b', 'a,b', 'a\tb', 'net/', 'é']) assert.equal(contentsLabel(section, 'curl'), 'curl')
})

it('blanks at the end of a path are not listed, and those within are', () => {
  assert.equal(listedPath('usr/share/a b  '), 'usr/share/a b')
  assert.equal(listedPath('  '), '')
  assert.equal(listedPath('a\t'), 'a\t')
})
