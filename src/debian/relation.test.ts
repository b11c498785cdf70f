import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { processorTime } from '../../test/support/processor-time.ts'
import { formatAlternatives, meets, parseProvides, parseRelations } from './relation.ts'

const plain = { qualifier: null, version: null, architectures: null, profiles: [] }

test('a field is a list of alternatives, each with what stands behind its name', () => {
  assert.deepEqual(
    parseRelations('libc6 (>= 2.36), python3:any (<<3.12) | awk,\n foo [linux-any !i386] <!nocheck> <a b>'),
    [
      [{ ...plain, name: 'libc6', version: { operator: '>=', version: '2.36' } }],
      [
        { ...plain, name: 'python3', qualifier: 'any', version: { operator: '<<', version: '3.12' } },
        { ...plain, name: 'awk' },
      ],
      [{ ...plain, name: 'foo', architectures: ['linux-any', '!i386'], profiles: [['!nocheck'], ['a', 'b']] }],
    ],
  )
})

test('the operators that dpkg calls obsolete mean what dpkg takes them for', () => {
  const written = parseRelations('a (< 1), a (> 1), a (1), a(=1)').map(formatAlternatives)
  assert.deepEqual(written, ['a (<= 1)', 'a (>= 1)', 'a (= 1)', 'a (= 1)'])
})

test('an empty item of the list is nothing', () => {
  assert.deepEqual(parseRelations(' , a,,b , '), [[{ ...plain, name: 'a' }], [{ ...plain, name: 'b' }]])
  assert.deepEqual(parseRelations(''), [])
})

test('what breaks the syntax is refused with the item and the field', () => {
  for (const bad of [
    'a b',
    'a (>> )',
    'a (=> 1)',
    'a (1',
    'a | ',
    '| a',
    '${misc:Depends}',
    'a (>= 1_0)',
    'a [x',
    'a (= 1) (= 2)',
  ]) {
    assert.throws(
      () => parseRelations(`ok, ${bad}`, 'Depends'),
      { code: 'control-invalid', message: /^Depends: / },
      bad,
    )
  }
})

test('long runs of blanks cost no more than their length', () => {
  const spentMs = processorTime()
  assert.throws(() => parseRelations(`a${' '.repeat(200_000)}b`), { code: 'control-invalid' })
  assert(spentMs() < 1000)
})

test('a provision has a name and perhaps one version', () => {
  assert.deepEqual(parseProvides('awk, libfoo (= 1.2)'), [
    { name: 'awk', qualifier: null, version: null },
    { name: 'libfoo', qualifier: null, version: '1.2' },
  ])
  assert.throws(() => parseProvides('a (>= 1)'), { code: 'control-invalid' })
  assert.throws(() => parseProvides('a | b'), { code: 'control-invalid' })
})

test('a condition holds for the versions that dpkg orders so', () => {
  assert(meets('1.0-1', { operator: '>=', version: '1.0' }))
  assert(!meets('1.0~rc1', { operator: '>=', version: '1.0' }))
  assert(meets('1.00', { operator: '=', version: '1.0' }))
  assert(!meets('1.0', { operator: '<<', version: '1.0' }))
  assert(meets('2', { operator: '>>', version: '1' }) && meets('1', { operator: '<=', version: '1' }))
})

test('what is written can be read again', () => {
  const name = fc.stringMatching(/^[a-z0-9][a-z0-9+.-]{1,6}$/)
  const version = fc.option(
    fc.record(
      {
        operator: fc.constantFrom('<<', '<=', '=', '>=', '>>'),
        version: fc.stringMatching(/^[0-9][0-9a-z.+~]{0,5}$/),
      },
      { noNullPrototype: true },
    ),
  )
  const qualifier = fc.option(fc.constantFrom('any', 'native', 'amd64'))
  const architectures = fc.option(fc.array(fc.constantFrom('amd64', '!i386', 'linux-any'), { minLength: 1 }))
  const profiles = fc.array(fc.array(fc.constantFrom('!nocheck', 'cross'), { minLength: 1 }), { maxLength: 2 })
  const relation = fc.record({ name, qualifier, version, architectures, profiles }, { noNullPrototype: true })
  fc.assert(
    fc.property(fc.array(relation, { minLength: 1, maxLength: 3 }), (alternatives) => {
      assert.deepEqual(parseRelations(formatAlternatives(alternatives)), [alternatives])
    }),
  )
})
