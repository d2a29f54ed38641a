import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readSpecFiles } from './files.ts'

let folder = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-spec-'))
})

afterEach(async () => {
  await rm(folder, { recursive: true })
})

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), content)
}

async function complaints(): Promise<Record<string, string>> {
  const { problems } = await readSpecFiles(folder)
  return Object.fromEntries(problems.map(problem => [problem.file, problem.code]))
}

test('YAML files below the folder, sorted, without dot folders and node_modules', async () => {
  await put('muster.yaml', '\ufefffleet: a\r\nx: 1\r\n')
  await put('b/two.yml', 'kind: Source\n')
  await put('b/a/three.YAML', 'kind: Source\n')
  await put('b/notes.txt', 'no')
  await put('.git/x.yaml', 'no: 1')
  await put('.hidden.yaml', 'no: 1')
  await put('node_modules/p/x.yaml', 'no: 1')
  const { files, problems } = await readSpecFiles(folder)
  expect(problems).toEqual([])
  expect(files).toEqual([
    { path: 'b/a/three.YAML', text: 'kind: Source\n' },
    { path: 'b/two.yml', text: 'kind: Source\n' },
    { path: 'muster.yaml', text: 'fleet: a\nx: 1\n' },
  ])
})

test('C11: encodings', async () => {
  await put(
    'utf16le.yaml',
    Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('a: 1', 'utf16le')]),
  )
  await put('utf16.yaml', Buffer.from('a: 1', 'utf16le'))
  await put('latin1.yaml', Buffer.from('a: caf\xe9', 'latin1'))
  await put('empty.yaml', '')
  await put('comments.yaml', '# nothing\n\n# at all\n')
  await put('marks.yaml', '---\n---\n')
  await put('good.yaml', 'a: 1')
  expect(await complaints()).toEqual({
    'utf16le.yaml': 'E_SPEC_ENCODING',
    'utf16.yaml': 'E_SPEC_ENCODING',
    'latin1.yaml': 'E_SPEC_ENCODING',
    'empty.yaml': 'E_SPEC_EMPTY',
    'comments.yaml': 'E_SPEC_EMPTY',
    'marks.yaml': 'E_SPEC_EMPTY',
  })
  expect((await readSpecFiles(folder)).files.map(file => file.path)).toEqual(['good.yaml'])
})

test('C12: links, LFS pointers, large files', async () => {
  await put('good.yaml', 'a: 1')
  await put('elsewhere/x.yaml', 'a: 1')
  await symlink('/etc/passwd', join(folder, 'passwd.yaml'))
  await symlink('good.yaml', join(folder, 'inside.yaml'))
  await symlink('nowhere', join(folder, 'dangling.yml'))
  await symlink('elsewhere', join(folder, 'linked'))
  await put(
    'lfs.yaml',
    'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22e\nsize 9\n',
  )
  await put('large.yaml', `# ${'x'.repeat(256 * 1024)}`)
  expect(await complaints()).toEqual({
    'passwd.yaml': 'E_SPEC_FILE_TYPE',
    'inside.yaml': 'E_SPEC_FILE_TYPE',
    'dangling.yml': 'E_SPEC_FILE_TYPE',
    'lfs.yaml': 'E_SPEC_FILE_TYPE',
    'large.yaml': 'E_SPEC_SIZE',
  })
  const { files } = await readSpecFiles(folder)
  expect(files.map(file => file.path)).toEqual(['elsewhere/x.yaml', 'good.yaml'])
})

test('no folder, and a folder without declarations', async () => {
  expect(await complaints()).toEqual({ [folder]: 'E_SPEC_EMPTY' })
  const missing = await readSpecFiles(join(folder, 'missing'))
  expect(missing.problems.map(problem => problem.code)).toEqual(['E_SPEC_FILE_TYPE'])
})
