/** Moments of a run by what its log shows then: `the plan`, or that a resource’s step is done, which has its time behind it. */
export function moment(name: string): RegExp {
  return name === 'the plan' ? /^[+~-] / : new RegExp(`^[+~-] ${name}: .* {2}[\\d.]+ (ms|s|min)`)
}
