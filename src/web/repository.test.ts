import assert from 'node:assert/strict'
import { test } from 'node:test'
import { suiteCheckPage } from './check.ts'
import { errorPage } from './error-page.ts'
import { home } from './home.ts'
import type { MirrorValue } from './mirror-facts.ts'
import { mirrorList } from './mirrors.ts'
import { repository } from './repository.ts'

const evil = `"><script>alert('1')</script>`
const settings = {
  frozen: true,
  versions: 'newest',
  notAutomatic: true,
  butAutomaticUpgrades: false,
  contents: true,
  debugSuite: evil,
  keyrings: [evil],
  signedUploads: true,
  signatureSuffices: true,
  refuseLowerVersions: true,
  installability: 'refuse',
  installabilityWith: [evil],
  pdiffs: 20,
} as const
const mirror: MirrorValue = {
  name: evil,
  suite: evil,
  settings: {
    url: evil,
    upstreamSuite: evil,
    components: [evil],
    architectures: [evil],
    filter: evil,
    lazy: true,
    everySeconds: 3600,
  },
  nextAt: 1_795_420_887_123_456,
  state: { revision: 3, takenAt: 1_795_420_887_123_456, checkedAt: 1_795_420_887_123_456 },
  completeness: { files: 2, filesHere: 1, bytes: 4096, bytesHere: 1000 },
  work: { state: 'failed', kind: 'update', finishedAt: 1_795_420_887_123_456, detail: evil },
}
const suite = {
  settings,
  name: evil,
  aliases: [evil],
  components: [evil],
  architectures: [evil],
  packages: 1234,
  revision: 17,
  sealedAt: 1_795_420_887_123_456,
}

const one = { name: evil, version: evil, architecture: evil }
const checked = {
  revision: 3,
  checkedAt: suite.sealedAt,
  isCurrent: false,
  architectures: [
    {
      architecture: evil,
      checked: 2,
      broken: 1,
      undecided: 0,
      packages: [{ ...one, verdict: 'broken', reasons: [{ kind: 'missing', package: one, chain: [], needs: evil }] }],
    },
  ],
} as const

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
        history: [
          {
            revision: 3,
            sealedAt: suite.sealedAt,
            changes: [
              { kind: evil, user: evil, added: 1, removed: 0 },
              {
                kind: 'add',
                user: null,
                added: 1,
                removed: 0,
                upload: { id: 7, signer: { fingerprint: evil, userId: evil } },
              },
            ],
          },
        ],
        mirror,
      },
      fingerprints: [evil],
    }),
    mirrorList({ scope: evil, name: evil }, [mirror]),
    suiteCheckPage({ scope: evil, name: evil, suite: evil, with: [evil], last: checked }),
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

const plain = {
  ...settings,
  frozen: false,
  versions: 'all',
  notAutomatic: false,
  contents: false,
  debugSuite: null,
  keyrings: [],
  signedUploads: false,
  signatureSuffices: false,
  refuseLowerVersions: false,
  installability: 'off',
  installabilityWith: [],
  pdiffs: 0,
} as const

test('a suite says what it is beyond its packages, and nothing of what is usual', () => {
  const page = (own: typeof settings | typeof plain, more: object = {}): string => {
    const stable = { ...suite, name: 'stable', aliases: [], settings: own }
    const debug = { ...suite, name: 'stable-debug', aliases: [], settings: { ...plain, debugSuite: null } }
    return repository({
      scope: 'a',
      name: 'b',
      isPublic: true,
      url: 'https://packages.example.org/apt/a/b/',
      suites: [stable, debug],
      selected: { ...stable, sources: '', history: [], ...more },
    })
  }
  const named = (text: string): string[] => [...text.matchAll(/<dt>(.*?)<\/dt>/g)].map(([, name = '']) => name)
  assert.deepEqual(named(page(plain)), ['Installability'])
  assert.deepEqual(named(page(settings, { mirror })), [
    'Frozen',
    'Follows',
    'Taken over',
    'Work',
    'Here',
    'Uploads',
    'Keeps',
    'Pinning',
    'Debug symbols',
    'Installability',
    'Patches',
    'Contents',
  ])
  // Of the past it is not known how a mirror went.
  assert.doesNotMatch(page(settings, { mirror, at: 'r2' }), /<dt>(Taken over|Work|Here)</)
})
