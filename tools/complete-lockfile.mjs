import fs from 'node:fs'

const f = 'package-lock.json',
  l = JSON.parse(fs.readFileSync(f))
for (const [path, p] of Object.entries({ ...l.packages })) {
  for (const [n, v] of Object.entries(p.optionalDependencies ?? {})) {
    const k = 'node_modules/' + n
    if (l.packages[k] || l.packages[path + '/' + k]) continue
    const m = n.match(
      /(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32|windows|wasm32)-?(arm64|arm|x64|ia32|ppc64|s390x|riscv64|loong64|wasi|mips64el)?/,
    )
    if (!m) {
      console.log('skip', path, n, v)
      continue
    }
    const os = m[1] === 'windows' ? 'win32' : m[1]
    const e = {
      version: v.replace(/^[\^~]/, ''),
      ...(os === 'wasm32' ? { cpu: ['wasm32'] } : { cpu: [m[2]] }),
      ...(p.dev ? { dev: true } : {}),
      optional: true,
      ...(os === 'wasm32' ? {} : { os: [os] }),
      ...(/musl/.test(n)
        ? { libc: ['musl'] }
        : /gnu|linux-(x64|arm64)$/.test(n) && /biome|duckdb|rolldown/.test(n)
          ? { libc: ['glibc'] }
          : {}),
    }
    l.packages[k] = e
    console.log('add', k, JSON.stringify(e))
  }
}
const o = {}
for (const k of Object.keys(l.packages).sort((a, b) => (a < b ? -1 : 1))) o[k] = l.packages[k]
l.packages = o
fs.writeFileSync(f, JSON.stringify(l, null, 2) + '\n')
