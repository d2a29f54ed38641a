import { type ChildProcess, spawn } from 'node:child_process'
import type { ServerUser } from './server-user.ts'

/*
 * What ends the server when we can no longer: a shell that holds the other end of a pipe of ours.
 * The kernel closes our end however we die, SIGKILL included, and the shell then asks the server
 * for a fast shutdown. It is started in a session of its own, so that Ctrl-C at our terminal
 * reaches us alone.
 */

/**
 * The shell is the server's parent: until it has waited, no one else can have the server's pid. The
 * one that listens is a second shell, which goes on when the first is killed.
 */
const parent = `
exec 3<&0
"$@" 3<&- </dev/null & server=$!
( while read -r _ <&3; do :; done; kill -INT "$server" ) 2>/dev/null & listener=$!
exec 3<&-
wait "$server"; code=$?
kill "$listener" 2>/dev/null
exit "$code"`

/** For a server that someone else started: it must still be the server of this folder. */
const guard = `
while read -r _; do :; done
what=$(tr '\\0' ' ' 2>/dev/null <"/proc/$2/cmdline" || ps -o command= -p "$2")
case "$what" in *"$1"*) kill -INT "$2";; esac`

export interface Watchdog {
  /** Ends when the server has ended. For a guarded server: when the guard has. */
  readonly child: ChildProcess
  /** Asks the server to end. */
  letGo(): void
}

/** Starts the server with its watchdog. `log` is an open file for what the server says. */
export function startWatched(
  command: readonly string[],
  user: ServerUser | undefined,
  log: number,
): Watchdog {
  return watch(['-c', parent, 'sh', ...command], user, log)
}

/** Puts a watchdog beside a server that runs already. */
export function guardRunning(
  dataFolder: string,
  pid: number,
  user: ServerUser | undefined,
  log: number,
): Watchdog {
  return watch(['-c', guard, 'sh', dataFolder, String(pid)], user, log)
}

function watch(words: readonly string[], user: ServerUser | undefined, log: number): Watchdog {
  const child = spawn('/bin/sh', words, {
    ...(user && { uid: user.uid, gid: user.gid }),
    cwd: '/',
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    stdio: ['pipe', log, log],
    detached: true,
  })
  child.stdin?.on('error', () => {})
  child.on('error', () => {})
  return { child, letGo: () => child.stdin?.end() }
}
