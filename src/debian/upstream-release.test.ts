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
