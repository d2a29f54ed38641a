import { nearest } from '../base/nearest.ts'
import type { DeclaredKind, FleetReading } from './declared.ts'
import type { Path } from './document.ts'
import { listed } from './problem.ts'

/** Says that blueprint or policy names an environment, at `at`, that the fleet does not have. */
export function complainOfEnvironment(
  declared: DeclaredKind<'Blueprint'> | DeclaredKind<'Policy'>,
  at: Path,
  name: string,
  environments: readonly string[],
  reading: FleetReading,
): void {
  const [near] = nearest(name, environments, 1)
  reading.complain(declared, at, 'value', {
    code: 'E_SPEC_REFERENCE',
    message: `there is no environment \`${name}\``,
    cure: near ? `use \`${near}\`` : `use ${listed(environments, 'or')}, or declare it in the root`,
    ...(reading.broken ? { follows: true } : {}),
  })
}
