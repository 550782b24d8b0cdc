/**
 * Whether something is younger than the limit. False if its age is negative: a clock that was set
 * back leaves times in the future behind, and nothing may last until they come.
 */
export function isWithin(age: number, limit: number): boolean {
  return age >= 0 && age < limit;
}
