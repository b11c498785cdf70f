import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openServer } from '../../test/support/open-server.ts'

test('the first page lists what the reader may read', async (t) => {
  const { url, token, call } = await openServer(t)
  await call('POST', '/scopes/local/workspaces', { json: { name: 'secret' } })
  const anonymous = await fetch(url)
  assert.equal(anonymous.headers.get('cache-control'), 'public, no-cache')
  const seen = await anonymous.text()
  assert.match(seen, /local\/main/)
  assert.doesNotMatch(seen, /secret/)
  const mine = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
  assert.equal(mine.headers.get('cache-control'), 'private, no-cache')
  assert.match(await mine.text(), /local\/secret/)
})

test('the page of a repository shows the sources of a suite, now and at a revision', async (t) => {
  const { url, call } = await openServer(t)
  const page = async (query: string): Promise<string> => (await fetch(`${url}/apt/local/main/${query}`)).text()
  assert.match(await page(''), /No suite has been published here yet/)
  await call('POST', '/workspaces/local/main/suites', { json: { name: 'stable', aliases: ['bookworm'] } })
  await call('POST', '/workspaces/local/main/suites', { json: { name: 'testing/next' } })
  const sources = (path: string): RegExp => new RegExp(`URIs: ${url}/apt/local/main/${path}\n`)
  assert.match(await page('?suite=stable'), sources(''))
  assert.match(await page('?suite=bookworm'), /Use stable/)
  assert.match(await page('?suite=stable&at=r1'), sources('snapshot/r1/'))
  assert.match(await page('?suite=testing/next'), /Suites: testing\/next/)
  assert.equal((await fetch(`${url}/apt/local/main/?suite=nope`)).status, 404)
  assert.equal((await fetch(`${url}/apt/local/main/?at=r9`)).status, 404)
})

test('the page of a repository shows what a suite is, and who changed it', async (t) => {
  const { url, call } = await openServer(t)
  const suites = '/workspaces/local/main/suites'
  await call('POST', suites, { json: { name: 'stable-debug' } })
  await call('POST', suites, { json: { name: 'stable', debugSuite: 'stable-debug', pdiffs: 20 } })
  await call('PATCH', `${suites}/stable`, { json: { frozen: true, installability: 'refuse' } })
  const page = await (await fetch(`${url}/apt/local/main/?suite=stable`)).text()
  assert.match(page, /<dt>Frozen<\/dt>/)
  assert.match(page, /<dt>Patches<\/dt>\s*<dd>of the last 20 changes/)
  assert.match(page, /<dt>Debug symbols<\/dt>\s*<dd>in <a href="[^"]*suite=stable-debug">/)
  assert.match(page, /a change that breaks it is refused/)
  assert.match(page, /suite-update by admin/)
  const debug = await (await fetch(`${url}/apt/local/main/?suite=stable-debug`)).text()
  assert.match(debug, /<dt>Debug symbols<\/dt>\s*<dd>of <a href="[^"]*suite=stable">/)
  assert.doesNotMatch(debug, /Frozen/)
})

test('the page of mirrors says what each follows and what went wrong, or how to make one', async (t) => {
  const { url, call, token } = await openServer(t)
  const page = async (): Promise<string> => (await fetch(`${url}/mirrors/local/main/`)).text()
  assert.match(await page(), /No mirror has been made here yet/)
  await call('POST', '/workspaces/local/main/suites', { json: { name: 'stable' } })
  const keyring = await (await fetch(`${url}/apt/local/main/archive-key.asc`)).text()
  const json = { name: 'theirs', url: `${url}/apt/local/main/`, suite: 'nowhere', keyring }
  assert.equal((await call('POST', '/workspaces/local/main/mirrors', { json })).status, 201)
  assert.match(await page(), /theirs <span class="tag">not updated yet[^]*\/apt\/local\/main\/<\/code> nowhere/)
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const update = `${url}/api/v1/workspaces/local/main/mirrors/theirs/update`
  assert.match(await (await fetch(update, { method: 'POST', headers, body: '{}' })).text(), /"kind":"error"/)
  assert.match(
    await page(),
    /theirs <span class="tag bad">failed[^]*<strong>update failed<\/strong>[^]*has no suite nowhere/,
  )
  // There is no such suite before the first update.
  assert.match(await page(), /<dt>Suite<\/dt>\s*<dd>nowhere<\/dd>/)
})

test('the page of a check costs its readers nothing; who may publish has it made', async (t) => {
  const { url, call, token } = await openServer(t)
  await call('POST', '/workspaces/local/main/suites', { json: { name: 'stable', aliases: ['sid'] } })
  const address = `${url}/check/local/main`
  const read = async (): Promise<string> => (await fetch(`${address}/?suite=sid`)).text()
  assert.match(await read(), /This server has not checked it yet/)
  const stranger = await fetch(`${address}/now?suite=stable`)
  assert.equal(stranger.status, 401)
  assert.match(stranger.headers.get('www-authenticate') ?? '', /^Basic /)
  assert.match(await read(), /has not checked it yet/)
  const asked = await fetch(`${address}/now?suite=stable`, { headers: { authorization: `Bearer ${token}` } })
  assert.equal(asked.url, `${address}/?suite=stable`)
  assert.match(await asked.text(), /As of r1, checked\s[^]*amd64/)
  assert.doesNotMatch(await read(), /changed since/)
  await call('PATCH', '/workspaces/local/main/suites/stable', { json: { label: 'New' } })
  assert.match(await read(), /As of r1[^]*changed since/)
  assert.equal((await fetch(`${address}/?suite=nope`)).status, 404)
})

test('an address without its slash leads to the one with it', async (t) => {
  const { url } = await openServer(t)
  const answer = await fetch(`${url}/apt/local/main?suite=a`, { redirect: 'manual' })
  assert.equal(answer.status, 302)
  assert.equal(answer.headers.get('location'), '/apt/local/main/?suite=a')
})

test('the address of a snapshot leads people to the page of that state', async (t) => {
  const { url, call } = await openServer(t)
  await call('POST', '/workspaces/local/main/suites', { json: { name: 'stable' } })
  for (const address of ['snapshot/r1/', 'snapshot/r1']) {
    const answer = await fetch(`${url}/apt/local/main/${address}`)
    assert.equal(answer.url, `${url}/apt/local/main/?at=r1`)
    assert.match(await answer.text(), new RegExp(`URIs: ${url}/apt/local/main/snapshot/r1/\n`))
  }
  assert.equal((await fetch(`${url}/apt/local/main/snapshot/r9/`)).status, 404)
})

test('pages load only their own files, which never change under their name', async (t) => {
  const { url } = await openServer(t)
  const answer = await fetch(url)
  assert.match(
    answer.headers.get('content-security-policy') ?? '',
    /^default-src 'none'; style-src 'self'; script-src 'self'/,
  )
  const page = await answer.text()
  assert.doesNotMatch(page, /<script(?![^>]* src=)| style="| on\w+="/)
  const files = [...page.matchAll(/(?:src|href)="(\/static\/[^"]+)"/g)].map((match) => match[1])
  assert.ok(files.length >= 3)
  for (const file of files) {
    const asset = await fetch(url + file)
    assert.equal(asset.status, 200)
    assert.equal(asset.headers.get('cache-control'), 'public, max-age=31536000, immutable')
    await asset.body?.cancel()
  }
  assert.equal((await fetch(`${url}/static/nope.css`)).status, 404)
})

test('health and metrics are there for those who watch', async (t) => {
  const { url } = await openServer(t)
  const health = await fetch(`${url}/healthz`)
  assert.equal(health.status, 200)
  assert.deepEqual(await health.json(), { status: 'ok', checks: { database: 'ok', store: 'ok' } })
  const metrics = await (await fetch(`${url}/metrics`)).text()
  assert.match(metrics, /ashlar_http_requests_total\{method="GET",route="\/healthz",status="200"\} 1/)
  assert.match(metrics, /^ashlar_files 0$/m)
})
