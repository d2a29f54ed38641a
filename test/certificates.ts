import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/* Certificates of one's own, by OpenSSL: an authority for a test, and a server of this machine. */

export interface Certificates {
  /** Of the authority, PEM. */
  readonly ca: string
  readonly caFile: string
  readonly certFile: string
  /** PKCS 8, PEM. */
  readonly keyFile: string
}

export function makeCertificates(folder: string): Certificates {
  const at = (name: string) => join(folder, name)
  const [caFile, certFile, keyFile] = [at('ca.pem'), at('server.pem'), at('server.key')]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  openssl(['req', '-x509', ...key, '-keyout', at('ca.key'), '-out', caFile, '-subj', '/CN=tests'])
  const asked = at('server.csr')
  openssl(['req', ...key.slice(0, -2), '-keyout', keyFile, '-out', asked, '-subj', '/CN=broker'])
  writeFileSync(at('names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n')
  const signed = ['-CA', caFile, '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2']
  openssl(['x509', '-req', '-in', asked, ...signed, '-extfile', at('names'), '-out', certFile])
  return { ca: readFileSync(caFile, 'utf8'), caFile, certFile, keyFile }
}

function openssl(words: readonly string[]): void {
  const done = spawnSync('openssl', words, { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`openssl ${words[0]}: ${done.stderr ?? done.error}`)
}
