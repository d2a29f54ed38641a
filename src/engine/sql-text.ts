/** A string as an SQL literal. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A name as an SQL identifier, whatever it holds. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/**
 * A declared expression as part of a larger one. On lines of its own, so that a comment at its end
 * ends there. A word alone is the column of that name, whatever it means to SQL: `at` is one. Only
 * for expressions that `readExpression` has let through.
 */
export function embedded(expression: string): string {
  const isColumn = wordAlone.test(expression)
  return `(\n${isColumn ? quoted(expression.trim()) : expression}\n)`
}
const wordAlone = /^\s*(?!(?:true|false|null)\s*$)[a-z_]\w*\s*$/i

/**
 * An expression as a time. One with a zone, where `type` says that it is, is left as it is: it is
 * the same moment, for engines are in UTC, and to cast it DuckDB asks a calendar for each row,
 * which takes fourteen times as long as to read it.
 */
export function timeOf(expression: string, type?: string): string {
  return isZoned(type) ? embedded(expression) : `cast(${embedded(expression)} as timestamp)`
}

/** Whether a type, as DuckDB spells it, is a time with a zone. */
export function isZoned(type: string | undefined): boolean {
  return type === 'TIMESTAMP WITH TIME ZONE'
}

/** Microseconds since 1970 as DOUBLE: exact until the year 2255; NaN for null and infinity. */
export function microsOf(expression: string, type?: string): string {
  return `coalesce(${microsOrNull(expression, type)}, 'nan'::double)`
}

/** The same with null, for `Engine.stream`: that is a third quicker. */
export function microsOrNull(expression: string, type?: string): string {
  return `epoch_us(${timeOf(expression, type)})::double`
}

/** Whether a time is a moment: neither null nor infinite. */
export function isMoment(expression: string, type?: string): string {
  return `coalesce(isfinite(${timeOf(expression, type)}), false)`
}

/** A number or truth value as FLOAT or DOUBLE: NaN for null and for what does not fit. */
export function numberOf(expression: string, type: 'float' | 'double'): string {
  return `coalesce(${numberOrNull(expression, type)}, 'nan'::${type})`
}

/** The same with null, for `Engine.stream`. */
export function numberOrNull(expression: string, type: 'float' | 'double'): string {
  return `try_cast(${embedded(expression)} as ${type})`
}
