import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorPage } from './error-page.ts'
import { home } from './home.ts'
import { repository } from './repository.ts'

const evil = `"><script>alert('1')</script>`
const suite = {
  name: evil,
  aliases: [evil],
  components: [evil],
  architectures: [evil],
  packages: 1234,
  revision: 17,
  sealedAt: 1_795_420_887_123_456,
}

test('no value can break out of its place in a page', () => {
  const pages = [
    home({ isAnonymous: false, workspaces: [{ scope: evil, name: evil, isPublic: false, suites: [suite] }] }),
    repository({
      scope: evil,
      name: evil,
      isPublic: false,
      url: evil,
      suites: [suite],
      selected: {
        ...suite,
        sources: evil,
        at: evil,
        history: [],
        mirror: { url: evil, suite: evil, completeness: { files: 2, filesHere: 1 } },
      },
      fingerprints: [evil],
    }),
    errorPage({ status: 404, title: evil, detail: evil, advice: `\`${evil}\``, requestId: evil }),
  ]
  for (const page of pages) {
    assert.ok(!page.includes('<script>'))
    assert.ok(!page.includes('"">'))
    assert.ok(page.includes('&lt;script&gt;'))
  }
})

test('a page says when to the microsecond for machines, and to the second for people', () => {
  const page = home({ isAnonymous: true, workspaces: [{ scope: 'a', name: 'b', isPublic: true, suites: [suite] }] })
  assert.match(page, /datetime="2026-11-23T08:01:27\.123456Z"/)
  assert.match(page, /2026-11-23 <span class="clock">08:01:27 UTC/)
})

test('a private repository says where apt wants its token', () => {
  const page = repository({
    scope: 'a',
    name: 'b',
    isPublic: false,
    url: 'https://packages.example.org/apt/a/b/',
    suites: [suite],
    selected: { ...suite, sources: '', history: [] },
  })
  assert.match(page, /machine packages\.example\.org\/apt\/a\/b\/ login apt password TOKEN/)
})
