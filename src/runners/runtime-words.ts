/*
 * What ONNX Runtime says when a model fails on its inputs, for callers: the operator and why. Its
 * own words name C++ functions and files of the machine that it was built on; they are for the log.
 */

/** Characters. */
const reasonMax = 200

/** `Gather: indices element out of data bounds, idx=9 ...`. Pure. */
export function reasonIn(said: string): string {
  const plain = said.replace(/[^\x20-\x7e]+/g, ' ')
  const operator = /while running (\w+) node/.exec(plain)?.[1]
  const status = plain.split('Status Message:').at(-1)!
  // `folder/file.cc:57 virtual T* space::Class::Function(const T&) const reason`: the last of them.
  const reason = status
    .split(/\S+\.(?:cc|cpp|h):\d+\s+/)
    .at(-1)!
    .replace(/^[^()]*::\w+(?:<[^>]*>)?\([^)]*\)(?: const)?(?: \[with [^\]]*\])?\s*/, '')
    .replace(/^[A-Z]\w*(?:<[^>]*>)? (?=\S)/, word => (isFunction(word) ? '' : word))
    .replace(/(?:[A-Za-z]:)?[\\/][^\s'"]+/g, '')
    .trim()
    .slice(0, reasonMax)
  return [operator, reason].filter(part => part).join(': ') || 'it failed'
}

/** CamelCase of two words or more, as C++ functions of ONNX Runtime are named. */
function isFunction(word: string): boolean {
  return /^[A-Z][a-z]+[A-Z]/.test(word)
}
