import { type ChildProcess, spawn } from 'node:child_process'
import type { ServerUser } from './server-user.ts'

/*
 * What ends the server when we can no longer: a shell that holds the other end of a pipe of ours.
 * The kernel closes our end however we die, SIGKILL included, and the shell then asks the server
 * for a fast shutdown. It is started in a session of its own, so that Ctrl-C at our terminal
 * reaches us alone.
 */

/**
 * `finish FOLDER PID`: a fast shutdown, and after fifteen seconds, when a statement does not let
 * go, an immediate one, which costs a recovery at the next start. Only of the server of the folder:
 * its pid may have become someone else's.
 */
const finish = `
ours() {
  what=$(tr '\\0' ' ' 2>/dev/null <"/proc/$2/cmdline" || ps -o command= -p "$2")
  case " $what " in *" -D $1 "*) true;; *) false;; esac
}
finish() {
  ours "$1" "$2" && kill -INT "$2"
  seconds=0
  while [ "$seconds" -lt 15 ] && ours "$1" "$2"; do sleep 1; seconds=$((seconds + 1)); done
  ours "$1" "$2" && kill -QUIT "$2"
}`

/**
 * The shell is the server's parent, and ends with it. The one that listens is a second shell, which
 * goes on when the first is killed.
 */
const parent = `${finish}
exec 3<&0
folder=$1; shift
"$@" 3<&- </dev/null & server=$!
( while read -r _ <&3; do :; done; finish "$folder" "$server" ) 2>/dev/null & listener=$!
exec 3<&-
wait "$server"; code=$?
kill "$listener" 2>/dev/null
exit "$code"`

/** For a server that someone else started. */
const guard = `${finish}
while read -r _; do :; done
finish "$1" "$2" 2>/dev/null`

export interface Watchdog {
  /** Ends when the server has ended. For a guarded server: when the guard has. */
  readonly child: ChildProcess
  /** Asks the server to end. */
  letGo(): void
}

/** Starts the server with its watchdog. `log` is an open file for what the server says. */
export function startWatched(
  dataFolder: string,
  command: readonly string[],
  user: ServerUser | undefined,
  log: number,
): Watchdog {
  return watch(['-c', parent, 'sh', dataFolder, ...command], user, log)
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
