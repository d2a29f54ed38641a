/**
 * SQL of a text as a value of a type. Of a time by way of the type with a zone: DuckDB's cast to
 * the one without drops an offset from UTC and does not count it.
 */
export function castText(text: string, type: string, cast: 'cast' | 'try_cast' = 'cast'): string {
  return /^TIMESTAMP(?:_|$)/.test(type)
    ? `${cast}(${cast}(${text} as timestamptz) as ${type})`
    : `${cast}(${text} as ${type})`
}
