/** The words that were given as the query of an address; '' when none was. */
export function queryOf(words: object): string {
  const given = Object.entries(words).filter(([, value]) => value !== undefined && value !== '')
  const query = new URLSearchParams(
    given.map(([name, value]): [string, string] => [name, String(value)]),
  )
  return given.length > 0 ? `?${query}` : ''
}
