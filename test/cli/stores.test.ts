/** `ashlar store`, as an administrator uses it. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { makeDeb } from '../support/make-deb.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { ashlar, ashlarJson, type Ended, type Serving, startServing } from './serving.ts'

const home = await temporaryDirectory()
let serving: Serving
before(async () => {
  serving = await startServing(home.path)
})
after(async () => {
  await serving[Symbol.asyncDispose]()
  await home[Symbol.asyncDispose]()
})

async function run(words: string, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return await ashlar(words.replaceAll('HOME', home.path).split(' '), { ...serving.beside, env })
}

async function done(words: string): Promise<string> {
  const { code, stdout, stderr } = await run(words)
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, words)
  return stdout
}

async function refused(words: string, sentence: RegExp, code = 1): Promise<void> {
  const ended = await run(words)
  assert.deepEqual({ code: ended.code, stdout: ended.stdout }, { code, stdout: '' }, words)
  assert.match(ended.stderr, sentence)
}

test('a store is made, told what to do, and filled by uploads', async () => {
  const made = await done('store create big --directory HOME/disk --soft-max 500G --hard-max 1TiB')
  assert.match(
    made,
    /^Made the store big\.\nNothing is put there yet\..*\n {2}ashlar store policy big --upload-priority 200\n/,
  )
  assert.equal(await done('store policy big'), 'Nothing is said of big, so nothing is put there.\n')
  assert.equal(
    await done('store policy big --upload-priority 200'),
    'The policy of every scope for big: uploads 200.\n',
  )
  const deb = join(home.path, 'hello_1.0_all.deb')
  await writeFile(deb, makeDeb({ name: 'hello', version: '1.0' }))
  await done('suite create stable')
  await done(`upload --suite stable ${deb}`)
  const table = await done('store list')
  assert.match(table, /^NAME +KIND +SCOPE +FILES +SIZE +LIMIT +UPLOADS +LAST VACUUM +PROBLEMS\n/)
  assert.match(table, /^big +local +all +[1-9]\d* +\S+ \S+ +465\.7 GiB \/ 1\.0 TiB +200 +never$/m)
  assert.equal(await done('store list --quiet'), 'local\nbig\n')
  const { stores } = (await ashlarJson(['store', 'list'], serving.beside)) as { stores: Record<string, unknown>[] }
  assert.deepEqual([stores[1]?.['softMaxBytes'], stores[1]?.['hardMaxBytes']], [500e9, 1024 ** 4])
  await refused('store delete big', /big cannot be deleted while it has files.*Drain it/)
})

test('a policy keeps what is not named, for one scope or for all', async () => {
  await done('scope create tenant')
  await done('store create fast --directory HOME/fast --upload-priority 300 --download-priority 5')
  assert.equal(
    await done('store policy fast --soft-max 20MiB'),
    'The policy of every scope for fast: uploads 300, downloads 5, at most 20.0 MiB.\n',
  )
  assert.equal(
    await done('store policy fast --scope tenant --upload-priority none --populate --soft-max none'),
    'The policy of the scope tenant for fast: no uploads, downloads 5, populated.\n',
  )
  assert.match(
    await done('store policy fast'),
    /^every scope +uploads 300, .*\ntenant +no uploads, downloads 5, populated\n$/,
  )
  assert.equal(
    await done('store policy fast --scope tenant --no-populate --drain-to big'),
    'The policy of the scope tenant for fast: no uploads, downloads 5, drained to big.\n',
  )
  assert.equal(
    await done('store policy fast --unset --scope tenant'),
    'The policy of the scope tenant for fast is taken back.\n',
  )
  await done('store policy fast --unset')
  await done('store delete fast')
  await refused('store show fast', /There is no store "fast"/)
})

test('what cannot be is refused with a sentence that says what to do', async () => {
  await refused(
    'store policy big --drain',
    /No uploads can go to big while it is drained: take its upload priority away/,
  )
  await done('store policy big --drain --upload-priority none')
  await refused(
    'store policy local --upload-priority none',
    /the uploads of the scope local. Give one an upload priority first/,
  )
  await done('store policy big --no-drain --upload-priority 200')
  await refused('store create twin --directory HOME/disk', /The directory .*disk holds another store/)
  await refused('store create far --kind remote', /needs --url/, 2)
  await refused('store create far --bucket b', /for a store of the kind s3, not local/, 2)
  await refused('store create far --directory /x --soft-max huge', /a size such as 500G/, 2)
  await refused('store set big', /Nothing is to be set/, 2)
  await refused('store policy big --no-drain --drain-to local', /contradict/, 2)
})

test('the secret of an access key comes from the environment or a file, and is never shown', async () => {
  const bucket = 'store create cloud --kind s3 --bucket ashlar --endpoint http://127.0.0.1:1 --access-key-id AKIAX'
  await refused(bucket, /The secret of the access key is missing in the environment variable ASHLAR_S3_SECRET/, 2)
  await refused(`${bucket} --secret-file HOME/none`, /none does not exist/)
  await refused('store set big --secret-file HOME/none', /--access-key-id/, 2)
  const secretFile = join(home.path, 'secret')
  await writeFile(secretFile, 'do-not-tell\n')
  for (const ended of [
    await run(bucket, { ASHLAR_S3_SECRET: 'do-not-tell' }),
    await run(`${bucket} --secret-file ${secretFile} --json`),
  ]) {
    assert.equal(ended.code, 1)
    assert.match(ended.stdout + ended.stderr, /The store cloud cannot be used there/)
    assert.doesNotMatch(ended.stdout + ended.stderr, /do-not-tell/)
  }
  assert.doesNotMatch(serving.stderr() + serving.stdout(), /do-not-tell/)
})

test('limits are changed and taken away', async () => {
  await done('store set big --soft-max 1G --hard-max none')
  const store = await ashlarJson(['store', 'show', 'big'], serving.beside)
  assert.deepEqual([store['softMaxBytes'], store['hardMaxBytes']], [1e9, null])
  assert.match(await done('store show big'), /^Store +big \(local\)\nPlace +\/.*\nScope +all\nHolds +\d+ files?, /)
})
