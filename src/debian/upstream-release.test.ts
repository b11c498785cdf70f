import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseUpstreamRelease } from './upstream-release.ts'

function release(components: number, architectures: number): string {
  const words = (count: number, letter: string): string =>
    Array.from({ length: count }, (_, i) => `${letter}${i}`).join(' ')
  return `Suite: test
Date: Sat, 17 May 2025 09:31:33 UTC
Components: ${words(components, 'c')}
Architectures: ${words(architectures, 'a')}
SHA256:
`
}

test('a Release with more components and architectures than anybody can look for is refused', () => {
  assert.equal(parseUpstreamRelease(release(500, 10), 'x').components.length, 500)
  assert.throws(() => parseUpstreamRelease(release(10_000, 10_000), 'x'), {
    code: 'control-invalid',
    message: 'x: it has 10000 components for 10000 architectures.',
  })
})

const digest = 'a'.repeat(64)
const head = 'Date: Sat, 17 May 2025 09:31:33 UTC\n'

test('only files below the directory of the suite are listed', () => {
  const paths = ['main/binary-amd64/Packages', '../x', 'main/../../x', '/etc/passwd', 'main//x', '././x', 'main/x\\y']
  const text = `${head}SHA256:\n${paths.map((path) => ` ${digest} 12 ${path}\n`).join('')}`
  assert.deepEqual([...parseUpstreamRelease(text, 'InRelease').files.keys()], ['main/binary-amd64/Packages'])
})

test('a flat archive may begin its paths with ./', () => {
  const files = parseUpstreamRelease(`${head}SHA256:\n ${digest} 12 ./Packages\n`, 'InRelease').files
  assert.deepEqual([...files.keys()], ['Packages'])
})

test('a Release whose lists or dates cannot be relied on is refused', () => {
  for (const [text, reason] of [
    [`${head}MD5Sum:\n ${'a'.repeat(32)} 12 main/binary-amd64/Packages\n`, /lists no SHA256/],
    [`${head}SHA256:\n ${'a'.repeat(40)} 12 main/binary-amd64/Packages\n`, /its SHA256 has the line/],
    [`${head}SHA256:\n ${digest} -1 main/binary-amd64/Packages\n`, /its SHA256 has the line/],
    [`SHA256:\n ${digest} 12 main/binary-amd64/Packages\n`, /it has no Date/],
    [`Date: yesterday\nSHA256:\n ${digest} 12 x\n`, /its Date "yesterday" is not a date/],
    [`${head}Valid-Until: Sat, 24 May 2025 09:31:33 +0200\nSHA256:\n ${digest} 12 x\n`, /its Valid-Until/],
  ] as const) {
    assert.throws(() => parseUpstreamRelease(text, 'InRelease'), { code: 'control-invalid', message: reason })
  }
})
